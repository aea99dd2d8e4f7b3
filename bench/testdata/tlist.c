/* SPDX-License-Identifier: ISC
 *
 * tlist measures timers that are a list in the order of their times, as that of
 * Postfix's events is: whoever sets one looks first through the whole list for
 * one with the same function and argument, which would be moved, and then for
 * its place; whoever cancels one looks for it. Only the first is found at once.
 *
 * Usage: tlist number seconds
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef void (*callback)(void *argument);

struct timer {
	struct timer *next, *previous;
	double when;
	callback call;
	void *argument;
};

static struct timer ring = { &ring, &ring, 0, 0, 0 };
static long fired;

static void fire(void *argument)
{
	(void)argument;
	fired++;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static struct timer *find(callback call, void *argument)
{
	for (struct timer *t = ring.next; t != &ring; t = t->next)
		if (t->call == call && t->argument == argument)
			return t;
	return 0;
}

static void take(struct timer *t)
{
	t->previous->next = t->next;
	t->next->previous = t->previous;
}

static void put(struct timer *t, struct timer *before)
{
	t->next = before;
	t->previous = before->previous;
	t->previous->next = before->previous = t;
}

static void set(callback call, void *argument, double when)
{
	struct timer *t = find(call, argument), *place;
	if (t) {
		take(t);
	} else {
		t = malloc(sizeof *t);
		t->call = call;
		t->argument = argument;
	}
	t->when = when;
	for (place = ring.next; place != &ring && place->when <= when; place = place->next)
		;
	put(t, place);
}

static void cancel(callback call, void *argument)
{
	struct timer *t = find(call, argument);
	if (t) {
		take(t);
		free(t);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 1;
	long n = atol(argv[1]), count;
	double seconds = atof(argv[2]), began, took_set, took_reset, took_fire;
	/* They stand in memory in no order, as they would after a while. */
	struct timer **order = malloc(n * sizeof *order);
	for (long i = 0; i < n; i++)
		order[i] = malloc(sizeof **order);
	for (long i = n - 1; i > 0; i--) {
		long j = random() % (i + 1);
		struct timer *t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	began = now();
	for (long i = 0; i < n; i++) {
		order[i]->when = began + 3600 + 3600.0 * i / n;
		order[i]->call = fire;
		order[i]->argument = order[i];
		put(order[i], &ring);
	}
	count = 0;
	began = now();
	do {
		set(fire, &ring, began + 5400);
		cancel(fire, &ring);
		count++;
	} while (now() - began < seconds);
	took_set = (now() - began) / count;
	count = 0;
	began = now();
	do {
		set(fire, order[random() % n]->argument, began + 3600 + random() % 3600);
		count++;
	} while (now() - began < seconds);
	took_reset = (now() - began) / count;
	/* All are due: the first is taken until there is none. */
	for (struct timer *t = ring.next; t != &ring; t = t->next)
		t->when = 0;
	began = now();
	while (ring.next != &ring && ring.next->when <= began) {
		struct timer *t = ring.next;
		take(t);
		t->call(t->argument);
		free(t);
	}
	took_fire = (now() - began) / n;
	if (fired != n)
		return 2;
	printf("set %.2f allocs 1 reset %.2f fire %.2f\n", took_set * 1e9, took_reset * 1e9, took_fire * 1e9);
	return 0;
}
