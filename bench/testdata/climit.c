/* SPDX-License-Identifier: ISC
 *
 * climit is what the kernel itself costs: it accepts, starts a command for
 * each connection as another user, and waits for it, in the fewest and
 * cheapest system calls, and does nothing else. It has no limits, no log, no
 * timers and no configuration, and fails at the first thing that goes wrong.
 *
 * Usage: climit descriptors address port uid gid command [argument ...]
 *
 * descriptors is how many it opens beforehand for nothing; a negative uid
 * means no other user.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* As many are accepted before the loop looks at what else has happened. */
#define BATCH 16

static int uid, gid;
static char **command;
static char *environment[] = { "PATH=/usr/bin:/bin", 0 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* child runs in the memory of its parent, which waits until it is through. It
 * makes the system calls by itself: the library's would tell its threads.
 */
static int child(void *arg)
{
	int fd = *(int *)arg;
	gid_t group = gid;

	setsid();
	if (uid >= 0 && (syscall(SYS_setgroups, 1, &group) || syscall(SYS_setresgid, gid, gid, gid)
			 || syscall(SYS_setresuid, uid, uid, uid)))
		_exit(126);
	if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	execve(command[0], command, environment);
	_exit(127);
}

static void watch(int epoll, int fd, uint64_t data)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = data };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
}

/* spawn starts the command for the client on fd. */
static void spawn(int epoll, int fd)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	int pidfd;

	if (clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &fd, &pidfd) < 0)
		die("clone");
	close(fd);
	watch(epoll, pidfd, pidfd);
}

static void reap(int epoll, int pidfd)
{
	siginfo_t info;

	if (waitid(P_PIDFD, pidfd, &info, WEXITED))
		die("waitid");
	/* First this: a child may hold a copy of the descriptor. */
	if (epoll_ctl(epoll, EPOLL_CTL_DEL, pidfd, 0))
		die("epoll_ctl");
	close(pidfd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct epoll_event events[64];
	struct rlimit files;
	int listener, epoll, one = 1;

	if (argc < 7) {
		fprintf(stderr, "usage: climit descriptors address port uid gid command [argument ...]\n");
		return 1;
	}
	if (getrlimit(RLIMIT_NOFILE, &files))
		die("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
	for (int n = atoi(argv[1]); n > 0; n--)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			die("/dev/null");
	addr.sin_port = htons(atoi(argv[3]));
	if (inet_pton(AF_INET, argv[2], &addr.sin_addr) != 1) {
		fprintf(stderr, "climit: %s is not an address\n", argv[2]);
		return 1;
	}
	uid = atoi(argv[4]);
	gid = atoi(argv[5]);
	command = argv + 6;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)
	    || bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, SOMAXCONN))
		die("listen");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("epoll_create1");
	watch(epoll, listener, 0);

	for (;;) {
		int n = epoll_wait(epoll, events, 64, -1);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.u64) {
				reap(epoll, events[i].data.u64);
				continue;
			}
			for (int k = 0; k < BATCH; k++) {
				int fd = accept4(listener, 0, 0, SOCK_CLOEXEC);

				if (fd >= 0)
					spawn(epoll, fd);
				else if (errno == EAGAIN)
					break;
				else if (errno != ECONNABORTED && errno != EINTR)
					die("accept4");
			}
		}
	}
}
