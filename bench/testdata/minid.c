/* SPDX-License-Identifier: ISC
 *
 * minid is the daemon that masters are measured with: it speaks the child's
 * side of the master protocol, serves one client with a line, and exits. It
 * has no C library, whose start would cost more than all that is measured.
 *
 * Descriptor 5 is the status channel, on which anything to read says that the
 * master is gone, 6 the socket that listens, and does not block. GENERATION in
 * the environment is octal.
 */
#include "nolibc.h"

#define STATUS 5
#define LISTEN 6

static const char line[] = "hello from minid\n";

/* What the master is told. */
struct status {
	int pid;
	unsigned generation;
	int avail;
};

struct pollfd {
	int fd;
	short events, revents;
};

/* generation finds GENERATION behind the arguments, of which stack has the
 * number.
 */
static unsigned generation(char **stack)
{
	static const char name[] = "GENERATION=";
	char **env = stack + 1 + *(long *)stack + 1;
	unsigned g = 0;

	for (; *env; env++) {
		char *s = *env;
		unsigned i = 0;

		while (name[i] && s[i] == name[i])
			i++;
		if (name[i])
			continue;
		for (s += i; *s >= '0' && *s <= '7'; s++)
			g = g * 8 + (*s - '0');
	}
	return g;
}

void run(char **stack)
{
	struct status taken = { .pid = call(SYS_getpid, 0, 0, 0, 0), .generation = generation(stack), .avail = 0 };
	struct pollfd fds[2] = { { .fd = STATUS, .events = 1 }, { .fd = LISTEN, .events = 1 } };

	for (;;) {
		long fd = call(SYS_accept, LISTEN, 0, 0, 0);

		if (fd >= 0) {
			call(SYS_write, STATUS, (long)&taken, sizeof taken, 0);
			call(SYS_write, fd, (long)line, sizeof line - 1, 0);
			break;
		}
		/* Another process has taken it. */
		if (call(SYS_ppoll, (long)fds, 2, 0, 0) < 0 || fds[0].revents)
			break;
	}
	call(SYS_exit, 0, 0, 0, 0);
	__builtin_unreachable();
}
