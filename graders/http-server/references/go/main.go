// An HTTP/1.1 server on raw sockets: a goroutine for each connection. Start here.
package main

import (
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const stopTime = 4500 * time.Millisecond

// server knows its connections, so that idle ones can be closed when it stops.
type server struct {
	store     *store
	keepAlive time.Duration
	header    time.Duration
	stopping  atomic.Bool
	mutex     sync.Mutex
	open      map[*connection]bool
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func milliseconds(name string) time.Duration {
	value, err := strconv.Atoi(environment(name, "5000"))
	if err != nil {
		log.Fatal(name, ": ", err)
	}
	return time.Duration(value) * time.Millisecond
}

// serve accepts until the listener is closed.
func (s *server) serve(listener net.Listener) {
	for {
		accepted, err := listener.Accept()
		if err != nil {
			if s.stopping.Load() {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of descriptors, for example
			continue
		}
		c := newConnection(s, accepted)
		s.mutex.Lock()
		s.open[c] = true
		s.mutex.Unlock()
		if s.stopping.Load() {
			c.stop()
		}
		go func() {
			c.serve()
			s.mutex.Lock()
			delete(s.open, c)
			s.mutex.Unlock()
		}()
	}
}

// stop lets idle connections go, and waits for the requests in flight, but not for clients that never read.
func (s *server) stop(listener net.Listener) {
	s.stopping.Store(true)
	listener.Close()
	s.mutex.Lock()
	for c := range s.open {
		c.stop()
	}
	s.mutex.Unlock()
	for giveUp := time.Now().Add(stopTime); time.Now().Before(giveUp); time.Sleep(5 * time.Millisecond) {
		s.mutex.Lock()
		left := len(s.open)
		s.mutex.Unlock()
		if left == 0 {
			return
		}
	}
}

func main() {
	files, err := newStore(os.Getenv("FILES_DIR"))
	if err != nil {
		log.Fatal(err)
	}
	s := &server{
		store:     files,
		keepAlive: milliseconds("KEEP_ALIVE_TIMEOUT_MS"),
		header:    milliseconds("HEADER_TIMEOUT_MS"),
		open:      map[*connection]bool{},
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(environment("HOST", "127.0.0.1"), environment("PORT", "8000")))
	if err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go s.serve(listener)
	<-signals
	s.stop(listener)
}
