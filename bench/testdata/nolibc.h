/* SPDX-License-Identifier: ISC
 *
 * nolibc.h is what a program needs that has no C library: system calls, and a
 * beginning, which calls run with the number of arguments, the arguments and
 * the environment as the kernel has left them.
 *
 * cc -O2 -nostdlib -static -ffreestanding
 */
#if defined(__x86_64__)

#define SYS_write 1
#define SYS_getpid 39
#define SYS_accept 43
#define SYS_exit 60
#define SYS_ppoll 271

static inline long call(long n, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = 0;
	long r;

	__asm__ volatile ("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return r;
}

__asm__ (".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");

#elif defined(__aarch64__)

#define SYS_write 64
#define SYS_ppoll 73
#define SYS_exit 93
#define SYS_getpid 172
#define SYS_accept 202

static inline long call(long n, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = 0;

	__asm__ volatile ("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}

__asm__ (".globl _start\n_start:\n\tmov x0, sp\n\tbl run\n");

#else
#error "nolibc.h knows the system calls of amd64 and arm64 only"
#endif

__attribute__((noreturn, used)) void run(char **stack);
