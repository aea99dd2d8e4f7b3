/* SPDX-License-Identifier: ISC
 *
 * getpw takes the place of qmail-getpw(8), and costs next to nothing: whoever
 * is asked for is the same user.
 */
#include "nolibc.h"

static const char answer[] = "nobody\00065534\00065534\0/\0\0";

void run(char **stack)
{
	(void)stack;
	call(SYS_write, 1, (long)answer, sizeof answer, 0);
	call(SYS_exit, 0, 0, 0, 0);
	__builtin_unreachable();
}
