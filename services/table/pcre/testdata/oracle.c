// SPDX-License-Identifier: ISC
//
// Answers with libpcre2-8. A question is a line: the options (letters of
// pcre_table(5), or - for none), the pattern and the key, both in hex. An answer
// is a line: "error OFFSET TEXT", "no", "failed TEXT", or "yes" and the begin and
// end of the match and of every group.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *unhex(const char *s, size_t *n)
{
	*n = strlen(s) / 2;
	unsigned char *out = malloc(*n + 1);
	for (size_t i = 0; i < *n; i++) {
		unsigned c;
		sscanf(s + 2 * i, "%2x", &c);
		out[i] = c;
	}
	out[*n] = 0;
	return out;
}

static unsigned options(const char *s)
{
	unsigned o = 0;
	for (; *s; s++)
		switch (*s) {
		case 'i': o |= PCRE2_CASELESS; break;
		case 'm': o |= PCRE2_MULTILINE; break;
		case 's': o |= PCRE2_DOTALL; break;
		case 'x': o |= PCRE2_EXTENDED; break;
		case 'A': o |= PCRE2_ANCHORED; break;
		case 'E': o |= PCRE2_DOLLAR_ENDONLY; break;
		case 'U': o |= PCRE2_UNGREEDY; break;
		}
	return o;
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	pcre2_match_context *mc = pcre2_match_context_create(NULL);
	while (getline(&line, &cap, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		char *flags = line, *p = strchr(line, ' ');
		*p++ = 0;
		char *k = strchr(p, ' ');
		*k++ = 0;
		size_t np, nk, offset;
		unsigned char *pattern = unhex(p, &np), *key = unhex(k, &nk);
		PCRE2_UCHAR text[256];
		int err;
		pcre2_code *re = pcre2_compile(pattern, PCRE2_ZERO_TERMINATED, options(flags), &err, &offset, NULL);
		if (re == NULL) {
			pcre2_get_error_message(err, text, sizeof text);
			printf("error %zu %s\n", offset, text);
		} else {
			pcre2_match_data *m = pcre2_match_data_create_from_pattern(re, NULL);
			pcre2_set_match_limit(mc, 100000);
			err = pcre2_match(re, key, strlen((char *)key), 0, 0, m, mc);
			if (err == PCRE2_ERROR_NOMATCH) {
				puts("no");
			} else if (err < 0) {
				pcre2_get_error_message(err, text, sizeof text);
				printf("failed %s\n", text);
			} else {
				size_t *v = pcre2_get_ovector_pointer(m);
				printf("yes");
				for (int i = 0; i < 2 * (int)pcre2_get_ovector_count(m); i++)
					printf(" %d", i < 2 * err ? (int)v[i] : -1);
				puts("");
			}
			pcre2_match_data_free(m);
			pcre2_code_free(re);
		}
		free(pattern), free(key);
		fflush(stdout);
	}
	return 0;
}
