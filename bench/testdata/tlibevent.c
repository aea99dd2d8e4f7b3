/* SPDX-License-Identifier: ISC
 *
 * tlibevent measures the timers of libevent, a heap.
 *
 * Usage: tlibevent number seconds
 */
#define _GNU_SOURCE
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256 };

static long fired;

static void fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	fired++;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static struct timeval far_away(void)
{
	struct timeval t = { 3600 + random() % 3600, random() % 1000000 };
	return t;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 1;
	long n = atol(argv[1]), count;
	double seconds = atof(argv[2]), began, took_set, took_reset, took_fire;
	struct event_base *base = event_base_new();
	struct event *list = malloc(n * sizeof *list), one;
	struct timeval t, fixed = { 5400, 0 };
	for (long i = 0; i < n; i++) {
		evtimer_assign(&list[i], base, fire, 0);
		t = far_away();
		evtimer_add(&list[i], &t);
	}
	evtimer_assign(&one, base, fire, 0);
	count = 0;
	began = now();
	do {
		for (int i = 0; i < BATCH; i++) {
			evtimer_add(&one, &fixed);
			evtimer_del(&one);
		}
		count += BATCH;
	} while (now() - began < seconds);
	took_set = (now() - began) / count;
	count = 0;
	began = now();
	do {
		for (int i = 0; i < BATCH; i++) {
			t = far_away();
			evtimer_add(&list[random() % n], &t);
		}
		count += BATCH;
	} while (now() - began < seconds);
	took_reset = (now() - began) / count;
	for (long i = 0; i < n; i++) {
		t.tv_sec = 0;
		t.tv_usec = random() % 1000;
		evtimer_add(&list[i], &t);
	}
	usleep(2000);
	began = now();
	while (fired < n)
		event_base_loop(base, EVLOOP_NONBLOCK);
	took_fire = (now() - began) / n;
	printf("set %.2f allocs 0 reset %.2f fire %.2f\n", took_set * 1e9, took_reset * 1e9, took_fire * 1e9);
	return 0;
}
