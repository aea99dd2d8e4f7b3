// SPDX-License-Identifier: ISC
//
// Answers with the C library's regcomp and regexec. A question is a line: the
// flags (e extended, i case ignored, n newline, or - for none), the pattern and
// the key, both in hex. An answer is a line: "error TEXT", "no", or "yes" and
// the begin and end of the match and of every group; or "hung" after a
// fifth of a second, which ends the program.
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static void too_long(int sig)
{
	(void)sig;
	ssize_t n = write(1, "hung\n", 5);
	_exit(n != 5);
}

static char *unhex(const char *s)
{
	size_t n = strlen(s) / 2;
	char *out = malloc(n + 1);
	for (size_t i = 0; i < n; i++) {
		unsigned c;
		sscanf(s + 2 * i, "%2x", &c);
		out[i] = c;
	}
	out[n] = 0;
	return out;
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	signal(SIGALRM, too_long);
	while (getline(&line, &cap, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		char *flags = line, *pattern = strchr(line, ' ');
		*pattern++ = 0;
		char *key = strchr(pattern, ' ');
		*key++ = 0;
		pattern = unhex(pattern), key = unhex(key);
		int f = 0;
		if (strchr(flags, 'e'))
			f |= REG_EXTENDED;
		if (strchr(flags, 'i'))
			f |= REG_ICASE;
		if (strchr(flags, 'n'))
			f |= REG_NEWLINE;
		setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 200000}, NULL);
		regex_t re;
		int err = regcomp(&re, pattern, f);
		if (err) {
			char text[200];
			regerror(err, &re, text, sizeof text);
			printf("error %s\n", text);
		} else {
			size_t n = re.re_nsub + 1;
			regmatch_t *m = calloc(n, sizeof *m);
			err = regexec(&re, key, n, m, 0);
			if (err == REG_NOMATCH) {
				puts("no");
			} else if (err) {
				printf("failed %d\n", err);
			} else {
				printf("yes");
				for (size_t i = 0; i < n; i++)
					printf(" %d %d", (int)m[i].rm_so, (int)m[i].rm_eo);
				puts("");
			}
			free(m);
			regfree(&re);
		}
		alarm(0);
		free(pattern), free(key);
		fflush(stdout);
	}
	return 0;
}
