// As much of a Redis client as a limiter needs: connections that are used again, and an answer in time or none.
//
// Redis can be killed, paused or cut off from us at any moment, and be back at any other. One goroutine watches it; as
// long as it does not answer, nobody waits for it.

package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	patience  = 250 * time.Millisecond // for one command, its connection included; our own clients wait half a second
	heartbeat = 200 * time.Millisecond
	mostIdle  = 64 // connections kept for later
)

// errDown says that Redis has not answered since it was last asked.
var errDown = errors.New("redis is down")

// RedisError is what Redis says when it does not do what it was asked.
type RedisError string

func (e RedisError) Error() string { return string(e) }

// Script is a program for Redis.
type Script struct{ text, digest string }

func newScript(text string) Script {
	digest := sha1.Sum([]byte(text))
	return Script{text, hex.EncodeToString(digest[:])}
}

// Redis is one Redis, as redis://host:port/0 names it.
type Redis struct {
	address string
	known   chan struct{} // closed when it is known for the first time whether Redis answers
	mutex   sync.Mutex
	isUp    bool
	life    int // how often it has been down
	idle    []*connection
}

// NewRedis watches the Redis at location from now on.
func NewRedis(location string) (*Redis, error) {
	parts, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	r := &Redis{address: parts.Host, known: make(chan struct{})}
	go r.watch()
	return r, nil
}

// Run runs a script with one key. The text is sent only to a Redis that does not know it.
func (r *Redis) Run(script Script, key string, arguments ...string) (any, error) {
	reply, err := r.Ask(append([]string{"EVALSHA", script.digest, "1", key}, arguments...)...)
	var refusal RedisError
	if errors.As(err, &refusal) && strings.HasPrefix(string(refusal), "NOSCRIPT") {
		return r.Ask(append([]string{"EVAL", script.text, "1", key}, arguments...)...)
	}
	return reply, err
}

// Ask says what Redis says to a command: an int64, a string, nil, or a slice of these. After any error but a RedisError
// it is unknown whether the command was carried out, or will be.
func (r *Redis) Ask(words ...string) (any, error) {
	select {
	case <-r.known:
	case <-time.After(patience):
		return nil, errDown
	}
	deadline := time.Now().Add(patience)
	used, life, err := r.take(deadline)
	if err != nil {
		return nil, err
	}
	reply, err := used.ask(deadline, words)
	var refusal RedisError
	if err != nil && !errors.As(err, &refusal) {
		used.Close() // a late reply would be taken for that to the next command
		r.setDown()
		return nil, err
	}
	r.giveBack(used, life)
	return reply, err
}

// take is a connection that nobody uses, or a new one.
func (r *Redis) take(deadline time.Time) (*connection, int, error) {
	r.mutex.Lock()
	life := r.life
	if !r.isUp {
		r.mutex.Unlock()
		return nil, life, errDown
	}
	if last := len(r.idle) - 1; last >= 0 {
		defer r.mutex.Unlock()
		taken := r.idle[last]
		r.idle = r.idle[:last]
		return taken, life, nil
	}
	r.mutex.Unlock()
	opened, err := dial(r.address, deadline)
	if err != nil {
		r.setDown()
	}
	return opened, life, err
}

// giveBack lets others have the connection, unless it is of a life that Redis no longer lives.
func (r *Redis) giveBack(used *connection, life int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if life == r.life && len(r.idle) < mostIdle {
		r.idle = append(r.idle, used)
	} else {
		used.Close()
	}
}

// watch asks Redis for a sign of life, for ever. It notices each restart, also one while nobody asked for anything.
func (r *Redis) watch() {
	var once sync.Once
	for {
		r.listen(func() {
			r.setUp()
			once.Do(func() { close(r.known) })
		})
		r.setDown()
		once.Do(func() { close(r.known) })
		time.Sleep(heartbeat / 4)
	}
}

// listen calls answered as long as Redis answers.
func (r *Redis) listen(answered func()) {
	opened, err := dial(r.address, time.Now().Add(patience))
	if err != nil {
		return
	}
	defer opened.Close()
	for {
		if _, err := opened.ask(time.Now().Add(patience), []string{"PING"}); err != nil {
			return
		}
		answered()
		time.Sleep(heartbeat)
	}
}

func (r *Redis) setUp() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.isUp = true
}

// setDown also drops all connections: what is asked on them is just as lost.
func (r *Redis) setDown() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.isUp = false
	r.life++
	for _, unused := range r.idle {
		unused.Close()
	}
	r.idle = nil
}

// connection is one connection, for one command at a time (RESP2).
type connection struct {
	net.Conn
	reader *bufio.Reader
}

func dial(address string, deadline time.Time) (*connection, error) {
	dialer := net.Dialer{Deadline: deadline}
	opened, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{opened, bufio.NewReader(opened)}, nil
}

// ask sends a command and reads what Redis says to it.
func (c *connection) ask(deadline time.Time, words []string) (any, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	var message strings.Builder
	fmt.Fprintf(&message, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&message, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(c, message.String()); err != nil {
		return nil, err
	}
	return c.read()
}

// read reads one reply.
func (c *connection) read() (any, error) {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimSuffix(line[1:], "\r\n")
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, RedisError(rest)
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	}
	size, err := strconv.Atoi(rest)
	if err != nil || size < 0 {
		return nil, err
	}
	if kind == '$' {
		text := make([]byte, size+2)
		_, err = io.ReadFull(c.reader, text)
		return string(text[:size]), err
	}
	replies := make([]any, size)
	for i := range replies {
		if replies[i], err = c.read(); err != nil {
			return nil, err
		}
	}
	return replies, nil
}
