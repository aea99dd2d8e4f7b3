/* SPDX-License-Identifier: ISC
 *
 * cdeliver is what deliveries cost without anything that is looked up: it reads
 * commands as IndiMail's qmail-send writes them, opens the message, forks,
 * becomes the same user for each, executes the program, reads what that says
 * and waits for its end, and reports. It knows no mistakes but its own, at
 * which it fails.
 *
 * Usage: cdeliver queue uid gid program
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT 500
#define WORDS 5

static struct delivery {
	pid_t pid;
	int output, size;
	char said[512];
} deliveries[LIMIT];

static char *queue, *program;
static int uid, gid;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void start(int number, char *messid, char *sender, char *recipient)
{
	char *argv[] = { program, "--", "nobody", "/", recipient, "", "", "", sender, "./Mailbox", 0 };
	char *env[] = { "PATH=/usr/bin:/bin", 0 };
	struct delivery *d = &deliveries[number];
	char path[512];
	int message, pipes[2];
	gid_t group = gid;

	snprintf(path, sizeof path, "%s/mess/%s", queue, messid);
	message = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (message < 0)
		die(path);
	if (pipe2(pipes, O_CLOEXEC))
		die("pipe2");
	d->size = 0;
	d->output = pipes[0];
	d->pid = fork();
	if (d->pid < 0)
		die("fork");
	if (!d->pid) {
		if (dup2(message, 0) < 0 || dup2(pipes[1], 1) < 0 || dup2(pipes[1], 2) < 0)
			_exit(111);
		if (setgroups(1, &group) || setgid(gid) || setuid(uid))
			_exit(111);
		execve(program, argv, env);
		_exit(111);
	}
	close(message);
	close(pipes[1]);
}

/* commands starts what is complete of them, and returns how much is left. */
static int commands(char *buf, int size)
{
	int used = 0;

	for (;;) {
		char *words[WORDS], *at = buf + used + 2, *end = buf + size;
		int n = 0;

		while (n < WORDS && at < end) {
			char *zero = memchr(at, 0, end - at);

			if (!zero)
				break;
			words[n++] = at;
			at = zero + 1;
		}
		if (n < WORDS)
			break;
		start((unsigned char)buf[used] | (unsigned char)buf[used + 1] << 8, words[0], words[1], words[4]);
		used = at - buf;
	}
	memmove(buf, buf + used, size - used);
	return size - used;
}

/* heard reads what a program says, and reports at its end. */
static void heard(int number)
{
	struct delivery *d = &deliveries[number];
	int n = read(d->output, d->said + d->size, sizeof d->said - d->size);
	int status;
	char report[sizeof d->said + 4];

	if (n > 0) {
		d->size += n;
		return;
	}
	close(d->output);
	if (waitpid(d->pid, &status, 0) != d->pid)
		die("waitpid");
	d->pid = 0;
	report[0] = number;
	report[1] = number >> 8;
	report[2] = status ? 'Z' : 'K';
	memcpy(report + 3, d->said, d->size);
	report[3 + d->size] = 0;
	if (write(1, report, d->size + 4) != d->size + 4)
		die("write");
}

int main(int argc, char **argv)
{
	static char buf[65536];
	static const char limit[2] = { (char)LIMIT, LIMIT >> 8 };
	struct pollfd fds[LIMIT + 1];
	int numbers[LIMIT + 1], size = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: cdeliver queue uid gid program\n");
		return 1;
	}
	queue = argv[1];
	uid = atoi(argv[2]);
	gid = atoi(argv[3]);
	program = argv[4];
	if (write(1, limit, 2) != 2)
		die("write");
	for (;;) {
		int n = 1;

		fds[0].fd = 0;
		fds[0].events = POLLIN;
		for (int i = 0; i < LIMIT; i++)
			if (deliveries[i].pid) {
				fds[n].fd = deliveries[i].output;
				fds[n].events = POLLIN;
				numbers[n++] = i;
			}
		if (poll(fds, n, -1) < 0 && errno != EINTR)
			die("poll");
		for (int i = 1; i < n; i++)
			if (fds[i].revents)
				heard(numbers[i]);
		if (fds[0].revents) {
			int got = read(0, buf + size, sizeof buf - size);

			if (got <= 0)
				return 0;
			size = commands(buf, size + got);
		}
	}
}
