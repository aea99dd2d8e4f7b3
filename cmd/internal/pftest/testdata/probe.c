// SPDX-License-Identifier: ISC
//
// probe is a service under master(8) that says how it was started, and that
// misbehaves when told to. It is written in C and linked statically for two
// reasons: a language runtime would change the very signals, limits and
// descriptors that it reports, and ten thousand starts must stay cheap.
//
// usage: probe [options of any Postfix daemon] [stage:action ...]
//
// The stages come in this order: start (before the first poll), accept (a
// client is there, the master knows nothing yet), taken (the master has been
// told), client (it is gone, the master knows nothing yet), done (the master
// has been told). Without actions, the probe is a well-behaved daemon that
// greets each client with "ready PID GENERATION" and obeys its lines: report,
// echo TEXT, orphan (leave a grandchild behind), hold (answer "held" and never
// read again), or an action.
//
// The actions: exit=STATUS, kill=SIGNAL, ignore=SIGNAL, hold, spin, note=FILE,
// which adds a line to a file, and status=KIND, which writes a record that the
// master must survive.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FLOW_READ = 3, FLOW_WRITE, STATUS, LISTEN };

struct record {
	int pid;
	unsigned generation;
	int available;
};

static int actions, sockets = 1;
static char **action, **arguments;
static const char *transport = "";
static unsigned generation;
extern char **environ;

// tell writes one status record; a broken channel means that the master wants
// this process gone.
static int
tell(int pid, unsigned gen, int available)
{
	struct record r = {pid, gen, available};

	return write(STATUS, &r, sizeof(r)) == sizeof(r);
}

static void
status(const char *kind)
{
	char garbage[600];

	memset(garbage, 0xa5, sizeof(garbage));
	if (strcmp(kind, "short") == 0)
		write(STATUS, garbage, 5);
	else if (strcmp(kind, "garbage") == 0)
		write(STATUS, garbage, sizeof(garbage));
	else if (strcmp(kind, "generation") == 0)
		tell(getpid(), generation + 1000, 0);
	else if (strcmp(kind, "pid") == 0)
		tell(1, generation, 0);
	else if (strcmp(kind, "negative") == 0)
		tell(-7, generation, 1);
	else if (strcmp(kind, "value") == 0)
		tell(getpid(), generation, 7);
	else if (strcmp(kind, "taken") == 0)
		tell(getpid(), generation, 0);
	else if (strcmp(kind, "available") == 0)
		tell(getpid(), generation, 1);
	else
		_exit(99);
}

static void
say(int fd, const char *format, ...)
{
	char line[4096];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (n > 0)
		write(fd, line, n);
}

// note adds a line to a file: who, and how often this process has been here.
static void
note(const char *path)
{
	static int times;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	say(fd, "%d %u %d\n", getpid(), generation, ++times);
	close(fd);
}

// act does one action; the answer, if any, goes to out.
static void
act(const char *what, int out)
{
	const char *eq = strchr(what, '=');
	int n = eq ? atoi(eq + 1) : 0;

	if (strncmp(what, "exit=", 5) == 0)
		_exit(n);
	if (strncmp(what, "kill=", 5) == 0)
		kill(getpid(), n);
	else if (strncmp(what, "ignore=", 7) == 0)
		signal(n, SIG_IGN);
	else if (strncmp(what, "note=", 5) == 0)
		note(eq + 1);
	else if (strncmp(what, "status=", 7) == 0)
		status(eq + 1);
	else if (strcmp(what, "hold") == 0) {
		if (out >= 0)
			say(out, "held\n");
		for (;;)
			pause();
	} else if (strcmp(what, "spin") == 0)
		for (;;)
			;
	else
		_exit(98);
}

static void
at(const char *stage)
{
	size_t len = strlen(stage);
	int i;

	for (i = 0; i < actions; i++)
		if (strncmp(action[i], stage, len) == 0 && action[i][len] == ':')
			act(action[i] + len + 1, -1);
}

static const char *
kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFSOCK:
		return "socket";
	case S_IFIFO:
		return "fifo";
	case S_IFCHR:
		return "char";
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	default:
		return "other";
	}
}

static int
option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	getsockopt(fd, level, name, &v, &len);
	return v;
}

// report_socket says what a socket was made with.
static void
report_socket(int out, int fd)
{
	struct sockaddr_storage ss;
	struct sockaddr_un *un = (void *)&ss;
	struct tcp_info info;
	socklen_t len = sizeof(ss);
	struct stat st;

	memset(&ss, 0, sizeof(ss));
	say(out, " domain=%d type=%d listening=%d", option(fd, SOL_SOCKET, SO_DOMAIN),
	    option(fd, SOL_SOCKET, SO_TYPE), option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	if (getsockname(fd, (void *)&ss, &len) < 0)
		return;
	if (ss.ss_family == AF_UNIX && un->sun_path[0]) {
		say(out, " path=%s", un->sun_path);
		if (lstat(un->sun_path, &st) == 0)
			say(out, " mode=%o uid=%d gid=%d", st.st_mode, st.st_uid, st.st_gid);
	}
	if (ss.ss_family == AF_INET || ss.ss_family == AF_INET6) {
		say(out, " reuseaddr=%d reuseport=%d keepalive=%d", option(fd, SOL_SOCKET, SO_REUSEADDR) != 0,
		    option(fd, SOL_SOCKET, SO_REUSEPORT), option(fd, SOL_SOCKET, SO_KEEPALIVE));
		if (ss.ss_family == AF_INET6)
			say(out, " v6only=%d", option(fd, IPPROTO_IPV6, IPV6_V6ONLY));
		len = sizeof(info);
		// For a listening socket the kernel keeps the length of its queue here.
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
			say(out, " backlog=%d", info.tcpi_sacked);
	}
}

static void
report_descriptors(int out, int client)
{
	struct dirent *d;
	DIR *dir = opendir("/proc/self/fd");
	int fd;

	// The directory comes in numerical order.
	while (dir && (d = readdir(dir)) != NULL) {
		char link[64], target[256];
		struct stat st;
		ssize_t n;

		fd = atoi(d->d_name);
		if (d->d_name[0] == '.' || fd == dirfd(dir) || fd == client || fstat(fd, &st) < 0)
			continue;
		say(out, "fd %d: %s", fd, kind(st.st_mode));
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n > 0 && target[0] == '/')
			say(out, " %.*s mode=%o uid=%d gid=%d", (int)n, target, st.st_mode, st.st_uid, st.st_gid);
		say(out, " flags=%o cloexec=%d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD) & FD_CLOEXEC);
		if (S_ISSOCK(st.st_mode))
			report_socket(out, fd);
		say(out, "\n");
	}
	if (dir)
		closedir(dir);
}

// report_status copies the lines of /proc/self/status that are inherited.
static void
report_status(int out)
{
	static const char *wanted[] = {"Umask:", "Uid:", "Gid:", "Groups:", "NoNewPrivs:", "SigPnd:", "ShdPnd:", "SigBlk:",
	    "SigIgn:", "SigCgt:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "Seccomp:", "Cpus_allowed:", NULL};
	FILE *f = fopen("/proc/self/status", "re");
	char line[1024];
	int i;

	while (f && fgets(line, sizeof(line), f))
		for (i = 0; wanted[i]; i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
				say(out, "%s", line);
	if (f)
		fclose(f);
}

static void
report(int out, int client)
{
	char cwd[4096];
	struct rlimit lim;
	struct stat r, w;
	int i, queued = -1;

	for (i = 0; arguments[i]; i++)
		say(out, "argv %d: %s\n", i, arguments[i]);
	for (i = 0; environ[i]; i++)
		say(out, "env: %s\n", environ[i]);
	say(out, "cwd: %s\n", getcwd(cwd, sizeof(cwd)));
	say(out, "leader: session=%d group=%d\n", getsid(0) == getppid(), getpgrp() == getppid());
	say(out, "nice: %d\n", getpriority(PRIO_PROCESS, 0));
	for (i = 0; i < RLIM_NLIMITS; i++)
		if (getrlimit(i, &lim) == 0)
			say(out, "limit %d: %lld %lld\n", i, (long long)lim.rlim_cur, (long long)lim.rlim_max);
	report_status(out);
	report_descriptors(out, client);
	ioctl(FLOW_READ, FIONREAD, &queued);
	say(out, "flow: one pipe=%d queued=%d size=%d\n", fstat(FLOW_READ, &r) == 0 && fstat(FLOW_WRITE, &w) == 0 && r.st_ino == w.st_ino,
	    queued, fcntl(FLOW_READ, F_GETPIPE_SZ));
	say(out, "end\n");
}

// orphan makes a process that is soon nobody's child, and ends after that.
static void
orphan(int out)
{
	int gate[2];
	char byte;

	if (pipe(gate) == 0 && fork() == 0) {
		close(gate[1]);
		if (fork() == 0) {
			// Both write ends close: the parent below is dead then.
			read(gate[0], &byte, 1);
			_exit(3);
		}
		_exit(0);
	}
	wait(NULL);
	close(gate[1]);
	close(gate[0]);
	say(out, "orphan born\n");
}

// obey serves one client until it leaves.
static void
obey(int fd)
{
	char line[512];
	size_t len = 0;
	ssize_t n;
	char *nl;

	say(fd, "ready %d %u\n", getpid(), generation);
	while ((n = read(fd, line + len, sizeof(line) - 1 - len)) > 0) {
		if (line[0] == 'W') // the master's wakeup; it waits for us to leave
			return;
		len += n;
		line[len] = 0;
		while ((nl = strchr(line, '\n')) != NULL) {
			*nl++ = 0;
			if (strcmp(line, "report") == 0)
				report(fd, fd);
			else if (strcmp(line, "orphan") == 0)
				orphan(fd);
			else if (strncmp(line, "echo ", 5) == 0)
				say(fd, "%s\n", line + 5);
			else
				act(line, fd);
			len -= nl - line;
			memmove(line, nl, len + 1);
		}
	}
}

// received returns the descriptor that came through a pass service, or -1.
static int
received(int fd)
{
	char byte[1], control[CMSG_SPACE(sizeof(int))];
	struct iovec io = {byte, 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	int got = -1;

	if (recvmsg(fd, &m, 0) > 0 && (c = CMSG_FIRSTHDR(&m)) != NULL && c->cmsg_type == SCM_RIGHTS)
		memcpy(&got, CMSG_DATA(c), sizeof(got));
	return got;
}

// told counts one client: the master hears of its coming and of its going.
static void
told(void (*serve)(int), int fd)
{
	at("accept");
	tell(getpid(), generation, 0);
	at("taken");
	serve(fd);
	at("client");
	if (!tell(getpid(), generation, 1))
		_exit(0);
	at("done");
}

static void
passed(int fd)
{
	int client = received(fd);

	if (client >= 0) {
		obey(client);
		close(client);
	}
}

// message answers a datagram, or the text in a fifo: "report FILE" leaves the
// report in that file, under its name only when it is complete.
static void
message(int fd)
{
	char text[512], part[600];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	int out;

	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	if (strncmp(text, "report ", 7) != 0)
		return;
	snprintf(part, sizeof(part), "%s.part", text + 7);
	out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	say(out, "ready %d %u\n", getpid(), generation);
	report(out, out);
	close(out);
	rename(part, text + 7);
}

static void
serve(int fd)
{
	int client;

	if (strcmp(transport, "fifo") == 0 || strcmp(transport, "unix-dgram") == 0) {
		told(message, fd);
		return;
	}
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (client >= 0) {
		told(strcmp(transport, "pass") == 0 ? passed : obey, client);
		close(client); // last, so that a client can tell when all is done
	}
}

int
main(int argc, char **argv)
{
	struct pollfd p[64];
	int c, i;

	arguments = argv;
	while ((c = getopt(argc, argv, "+cdDi:lm:n:o:r:s:St:uvVz")) > 0)
		switch (c) {
		case 's':
			sockets = atoi(optarg);
			break;
		case 't':
			transport = optarg;
			break;
		case '?':
			return 97;
		}
	action = argv + optind;
	actions = argc - optind;
	generation = getenv("GENERATION") ? strtoul(getenv("GENERATION"), NULL, 8) : 0;
	if (sockets < 1 || sockets > 63)
		return 96;
	at("start");
	for (i = 0; i <= sockets; i++) {
		p[i].fd = STATUS + i; // the status channel, then the listeners
		p[i].events = POLLIN;
	}
	for (;;) {
		if (poll(p, sockets + 1, -1) < 0 && errno != EINTR)
			return 95;
		if (p[0].revents)
			return 0;
		for (i = 1; i <= sockets; i++)
			if (p[i].revents)
				serve(p[i].fd);
	}
}
