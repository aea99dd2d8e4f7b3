// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postloop/services/table/cf"
	"postloop/services/table/wire"
)

// redisTable is a redis: table, which Postfix has not: the value of a key, or
// of a field of a hash, in the first of some servers that lets us in.
type redisTable struct {
	*remote
	keyed
	template *cf.Template
	hash     *cf.Template // nil: the value is the key's own
	results  cf.Results
	limit    int // on a value
}

// openRedis opens redis:/path/file, or with parameters in main.cf redis:name.
// The servers need not be there.
func openRedis(e *Env, name string, m Mode, f Flags) (Table, error) {
	if f&NoUnauth != 0 {
		return nil, fmt.Errorf("redis:%s map is not allowed for security-sensitive data", name)
	}
	if err := readOnly("redis", name, m); err != nil {
		return nil, err
	}
	k, err := e.openKeyed(name)
	if err != nil {
		return nil, err
	}
	t := &redisTable{keyed: k}
	if err := t.open(e, name); err != nil {
		k.domains.close()
		return nil, err
	}
	return t, nil
}

func (t *redisTable) open(e *Env, name string) error {
	var errs [11]error
	var hosts, user, password, hash string
	var number, timeout, tries, pause int
	hosts, errs[0] = t.String("hosts", "localhost", 1)
	user, errs[1] = t.String("user", "", 0)
	password, errs[2] = t.String("password", "", 0)
	number, errs[3] = t.Int("database", 0, 0)
	t.template, errs[4] = t.Query("key_format", "%s")
	hash, errs[5] = t.String("hash", "", 0)
	t.results, errs[6] = t.Results()
	timeout, errs[7] = t.Int("timeout", 2, 1)
	tries, errs[8] = t.Int("max_try", 2, 1)
	pause, errs[9] = t.Int("retry_pause", 1, 1)
	t.limit, errs[10] = t.Int("data_size_limit", 10240, 1)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if hash != "" {
		var err error
		if t.hash, err = t.Query("hash", ""); err != nil {
			return err
		}
	}
	ends, err := redisHosts(hosts)
	if err != nil {
		return err
	}
	if user != "" && password == "" {
		return fmt.Errorf("%s: a user without a password", name)
	}
	t.remote = newRemote(e, "redis", name, Fixed, ends, policy{
		tries: tries, pause: seconds(pause), timeout: seconds(timeout),
		deadline: time.Duration(tries*timeout+(tries-1)*pause) * time.Second,
		input:    t.limit,
		hello:    redisHello(user, password, number),
		unreachable: func(err error) {
			e.Log.Warnf("redis:%s: connect to %s: %s", name, t.server.ends[t.server.at].name, reason(err))
		},
		broken: func(err error) {
			e.Log.Warnf("redis:%s: read reply: %s", name, reason(err))
		},
	})
	return nil
}

// redisHosts reads a list of servers: inet:host:port, host:port, host, and
// unix:path.
func redisHosts(list string) (ends []endpoint, err error) {
	for _, word := range hostWords(list) {
		if path, ok := strings.CutPrefix(word, "unix:"); ok {
			to, err := parseUnix(path)
			if err != nil {
				return nil, err
			}
			ends = append(ends, to)
			continue
		}
		host := strings.TrimPrefix(word, "inet:")
		if !strings.Contains(host, ":") || strings.HasSuffix(host, "]") {
			host += ":6379"
		}
		to, err := parseInet(host)
		if err != nil {
			return nil, err
		}
		ends = append(ends, to)
	}
	if len(ends) == 0 {
		return nil, errors.New("a list of hosts with none in it")
	}
	return ends, nil
}

// redisHello says who we are, and which of a server's databases we want.
func redisHello(user, password string, number int) (list []hello) {
	say := func(args ...string) {
		list = append(list, hello{wire.AppendRedis(nil, args...), func(in []byte) (int, error) {
			n, kind, text, err := wire.RedisReply(in, 0)
			if err == nil && n > 0 && kind != wire.RedisSimple {
				err = fmt.Errorf("%s: %s", args[0], text)
			}
			return n, err
		}})
	}
	switch {
	case user != "":
		say("AUTH", user, password)
	case password != "":
		say("AUTH", password)
	}
	if number != 0 {
		say("SELECT", strconv.Itoa(number))
	}
	return list
}

// Close lets go of the tables in the list of domains, too.
func (t *redisTable) Close() {
	t.remote.Close()
	t.domains.close()
}

// Get asks for a key.
func (t *redisTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	if !t.asks(t.env.Log, "redis", key) {
		return Answer{Status: NoKey}
	}
	return t.get(key, len(key), f, func(done func(Answer)) {
		t.inDomain(key, done, func() {
			request, ok := t.request(key)
			if !ok {
				done(Answer{Status: NoKey})
				return
			}
			t.server.submit(request, func(in []byte) verdict { return t.read(in, key) }, func(a Answer, _ error) { done(a) })
		})
	}, later)
}

// request is what the server is asked, if key has what the templates want.
func (t *redisTable) request(key string) (request []byte, ok bool) {
	at, ok := t.template.Query(key, nil)
	if !ok || at == "" {
		return nil, false
	}
	if t.hash == nil {
		return wire.AppendRedis(nil, "GET", at), true
	}
	hash, ok := t.hash.Query(key, nil)
	if !ok || hash == "" {
		return nil, false
	}
	return wire.AppendRedis(nil, "HGET", hash, at), true
}

// read reads a reply.
func (t *redisTable) read(in []byte, key string) verdict {
	n, kind, text, err := wire.RedisReply(in, t.limit)
	if err != nil || n == 0 {
		return verdict{err: err}
	}
	switch kind {
	case wire.RedisNull:
		return verdict{n: n, answer: Answer{Status: NoKey}}
	case wire.RedisString:
		return verdict{n: n, answer: t.joined(t.env.Log, "redis", t.results, key, []string{text})}
	case wire.RedisError:
		t.env.Log.Warnf("redis:%s: query failed: %.200s", t.name, text)
		switch word, _, _ := strings.Cut(text, " "); word {
		case "WRONGTYPE", "NOPERM":
			return verdict{n: n, answer: Answer{Status: Config}}
		}
		// It may have become somebody who cannot answer: a replica that has lost
		// its master, a server that is loading. The next connection is a new one.
		return verdict{n: n, answer: Answer{Status: Retry}, drop: true}
	case wire.RedisSimple, wire.RedisInteger:
	}
	return verdict{err: fmt.Errorf("unexpected reply: %c%.30s", kind, text)}
}
