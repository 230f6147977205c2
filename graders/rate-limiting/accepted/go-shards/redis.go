package main

import (
	"bufio"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed decide.lua
var script string

const patience = 300 * time.Millisecond

var errAway = errors.New("redis is away")

// store has one connection to Redis, on which many questions are on their way at once. It is replaced when it breaks, which
// its reader sees at once, or when an answer does not come.
type store struct {
	address string
	digest  string
	ready   chan struct{} // closed after the first try to connect
	mutex   sync.Mutex
	line    *line
}

func newStore(location string) (*store, error) {
	parts, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	digest := sha1.Sum([]byte(script))
	s := &store{address: parts.Host, digest: hex.EncodeToString(digest[:]), ready: make(chan struct{})}
	go s.keep()
	return s, nil
}

func (s *store) decide(name, client string, rule *policy, cost int64) (verdict, error) {
	select {
	case <-s.ready:
	case <-time.After(patience):
	}
	s.mutex.Lock()
	line := s.line
	s.mutex.Unlock()
	if line == nil {
		return verdict{}, errAway
	}
	words := []string{"1", "{" + name + "}" + client, rule.Algorithm}
	for _, number := range []int64{rule.Limit, rule.window(), cost, rule.burst()} {
		words = append(words, strconv.FormatInt(number, 10))
	}
	said := line.ask(append([]string{"EVALSHA", s.digest}, words...)...)
	if strings.HasPrefix(said.refusal, "NOSCRIPT") {
		said = line.ask(append([]string{"EVAL", script}, words...)...)
	}
	if said.err != nil || len(said.numbers) != 4 {
		return verdict{}, errors.Join(errAway, said.err, errors.New(said.refusal))
	}
	return verdict{said.numbers[0] == 1, said.numbers[1], said.numbers[2], said.numbers[3]}, nil
}

func (s *store) tracked() int64 { return 0 }

// keep has a line that works, as far as that depends on it. A line that accepts and says nothing is not given out.
func (s *store) keep() {
	var once sync.Once
	for {
		connection, err := net.DialTimeout("tcp", s.address, patience)
		if err == nil {
			line := &line{connection: connection, waiting: make(chan chan<- reply, 4096), broken: make(chan struct{})}
			go line.read()
			if line.ask("PING").err == nil {
				s.put(line)
				once.Do(func() { close(s.ready) })
				<-line.broken
				s.put(nil)
			}
			connection.Close()
		}
		once.Do(func() { close(s.ready) })
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *store) put(line *line) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.line = line
}

type reply struct {
	numbers []int64
	refusal string
	err     error
}

type line struct {
	connection net.Conn
	mutex      sync.Mutex // one writes at a time, and stands in line in the same order
	waiting    chan chan<- reply
	broken     chan struct{}
	hangUp     sync.Once
}

func (l *line) ask(words ...string) reply {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	answer := make(chan reply, 1)
	if err := l.send(text.String(), answer); err != nil {
		l.close()
		return reply{err: err}
	}
	select {
	case said := <-answer:
		return said
	case <-l.broken:
		return reply{err: errAway}
	case <-time.After(patience):
		l.close()
		return reply{err: errAway}
	}
}

func (l *line) send(text string, answer chan<- reply) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	select {
	case l.waiting <- answer:
	default:
		return errAway // thousands are waiting already
	}
	l.connection.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.connection.Write([]byte(text))
	return err
}

func (l *line) close() {
	l.hangUp.Do(func() {
		close(l.broken)
		l.connection.Close()
	})
}

// read gives answers to those who wait, in their order. All that this service asks is answered by a status, an error, or an
// array of numbers.
func (l *line) read() {
	defer l.close()
	reader := bufio.NewReader(l.connection)
	for {
		said, err := readReply(reader)
		if err != nil {
			return
		}
		select {
		case answer := <-l.waiting:
			answer <- said
		default:
			return // nobody asked
		}
	}
}

func readReply(reader *bufio.Reader) (reply, error) {
	text, err := readLine(reader)
	if err != nil {
		return reply{}, err
	}
	switch text[0] {
	case '-':
		return reply{refusal: text[1:]}, nil
	case '*':
		count, err := strconv.Atoi(text[1:])
		numbers := make([]int64, max(0, count))
		for i := range numbers {
			if text, err = readLine(reader); err == nil {
				numbers[i], err = strconv.ParseInt(text[1:], 10, 64)
			}
			if err != nil {
				break
			}
		}
		return reply{numbers: numbers}, err
	default:
		return reply{}, nil
	}
}

func readLine(reader *bufio.Reader) (string, error) {
	text, err := reader.ReadString('\n')
	if err == nil && len(text) < 3 {
		err = errors.New("an empty line")
	}
	return strings.TrimRight(text, "\r\n"), err
}
