// A small Redis client: done, so that the stage `shared` needs no download. github.com/redis/go-redis is as welcome.
//
//	connection, err := dialRedis(os.Getenv("REDIS_URL"), 250*time.Millisecond)
//	reply, err := connection.Ask("EVAL", "return redis.call('INCRBY', KEYS[1], ARGV[1])", "1", "some key", "5") // int64(5)
//
// One connection, for one command at a time: goroutines that share one must take turns, or each take one of their own. How
// many there are, who uses them, and what happens while Redis does not answer, is yours to decide.

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// RedisError is what Redis says when it does not do what it was asked. The connection can be used further.
type RedisError string

func (e RedisError) Error() string { return string(e) }

// RedisConnection speaks RESP2, which every Redis understands.
type RedisConnection struct {
	connection net.Conn
	reader     *bufio.Reader
	timeout    time.Duration
}

// dialRedis connects to the Redis at location, redis://host:port/0. The timeout is for that, and for each command.
func dialRedis(location string, timeout time.Duration) (*RedisConnection, error) {
	parts, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	connection, err := net.DialTimeout("tcp", parts.Host, timeout)
	if err != nil {
		return nil, err
	}
	return &RedisConnection{connection, bufio.NewReader(connection), timeout}, nil
}

// Ask says what Redis says to a command: an int64, a string, nil, or a slice of these. After any error but a RedisError
// close the connection: a late reply would be taken for the next one.
func (c *RedisConnection) Ask(words ...string) (any, error) {
	if err := c.connection.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return nil, err
	}
	var message strings.Builder
	fmt.Fprintf(&message, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&message, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(c.connection, message.String()); err != nil {
		return nil, err
	}
	return c.read()
}

// Close hangs up.
func (c *RedisConnection) Close() error {
	return c.connection.Close()
}

// read reads one reply.
func (c *RedisConnection) read() (any, error) {
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
	return c.array(size)
}

// array reads so many replies. All are read before an error among them is told: the next command's reply comes after them.
func (c *RedisConnection) array(size int) (any, error) {
	replies := make([]any, size)
	var wrong error
	for i := range replies {
		reply, err := c.read()
		if _, isReply := err.(RedisError); err != nil && !isReply {
			return nil, err
		}
		replies[i], wrong = reply, cmp.Or(wrong, err)
	}
	if wrong != nil {
		return nil, wrong
	}
	return replies, nil
}
