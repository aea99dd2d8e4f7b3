/* SPDX-License-Identifier: ISC
 *
 * cecho is what the kernel itself costs: it sends back what it is sent, with
 * one epoll_wait for all that are ready, one read and one write for each, and
 * no buffer but one. A client that does not take its answer at once is cut off.
 *
 * Usage: cecho tcp address port
 *        cecho unix path
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int listener(int argc, char **argv)
{
	int fd, one = 1;

	if (argc == 4 && !strcmp(argv[1], "tcp")) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[3])) };

		to.sin_addr.s_addr = inet_addr(argv[2]);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&to, sizeof(to)))
			die("bind");
	} else if (argc == 3 && !strcmp(argv[1], "unix")) {
		struct sockaddr_un to = { .sun_family = AF_UNIX };

		strncpy(to.sun_path, argv[2], sizeof(to.sun_path) - 1);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (bind(fd, (struct sockaddr *)&to, sizeof(to)))
			die("bind");
	} else {
		fprintf(stderr, "usage: cecho tcp address port | unix path\n");
		exit(64);
	}
	if (listen(fd, SOMAXCONN))
		die("listen");
	return fd;
}

int main(int argc, char **argv)
{
	static char buf[65536];
	struct epoll_event events[256];
	struct rlimit files;
	int ln = listener(argc, argv), ep = epoll_create1(0), one = 1;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = ln };

	signal(SIGPIPE, SIG_IGN); /* a client may be gone */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (epoll_ctl(ep, EPOLL_CTL_ADD, ln, &ev))
		die("epoll_ctl");
	for (;;) {
		int n = epoll_wait(ep, events, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			ssize_t got;

			if (fd == ln) {
				fd = accept4(ln, 0, 0, SOCK_NONBLOCK);
				if (fd < 0)
					continue;
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				ev.events = EPOLLIN;
				ev.data.fd = fd;
				if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
					die("epoll_ctl");
				continue;
			}
			got = read(fd, buf, sizeof(buf));
			if (got > 0 && write(fd, buf, got) == got)
				continue;
			if (got < 0 && errno == EAGAIN)
				continue;
			close(fd);
		}
	}
}
