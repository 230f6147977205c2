package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"
)

const (
	bodyTime   = 60 * time.Second
	writeTime  = 60 * time.Second
	lingerTime = time.Second
	readSize   = 64 * 1024
)

var errTooLong = errors.New("a line is too long")

// connection serves one client. What was read and not yet used is in buffer.
type connection struct {
	server *server
	net.Conn
	buffer []byte
	chunk  []byte
	mutex  sync.Mutex
	busy   bool
	gone   bool
}

func newConnection(s *server, accepted net.Conn) *connection {
	return &connection{server: s, Conn: accepted, chunk: make([]byte, 4096)}
}

// stop ends it when it is idle.
func (c *connection) stop() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.busy {
		c.gone = true
		c.SetReadDeadline(time.Now())
	}
}

// until sets the moment at which reading ends.
func (c *connection) until(moment time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.gone {
		c.SetReadDeadline(moment)
	}
}

func (c *connection) setBusy(busy bool) {
	c.mutex.Lock()
	c.busy = busy
	c.mutex.Unlock()
}

func (c *connection) fill() error {
	n, err := c.Read(c.chunk)
	c.buffer = append(c.buffer, c.chunk[:n]...)
	if n > 0 {
		if n == len(c.chunk) && n < readSize {
			c.chunk = make([]byte, readSize)
		}
		return nil
	}
	return err
}

// line returns the next line without its LF.
func (c *connection) line(limit int) ([]byte, error) {
	for start := 0; ; {
		if end := bytes.IndexByte(c.buffer[start:], '\n'); end >= 0 {
			end += start
			if end > limit {
				return nil, errTooLong
			}
			line := bytes.Clone(c.buffer[:end])
			c.buffer = c.buffer[end+1:]
			return line, nil
		}
		start = len(c.buffer)
		if start > limit {
			return nil, errTooLong
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// exactly returns the next count bytes.
func (c *connection) exactly(count int) ([]byte, error) {
	for len(c.buffer) < count {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	data := bytes.Clone(c.buffer[:count])
	c.buffer = c.buffer[count:]
	return data, nil
}

// serve reads and answers until the end, whatever it is.
func (c *connection) serve() {
	defer c.Close()
	for {
		again, err := c.serveOne()
		if err != nil {
			return
		}
		if !again {
			c.sayGoodbye()
			return
		}
		if c.server.stopping.Load() {
			c.stop() // what was answered had begun before the end was known
		}
	}
}

// serveOne serves one request; whether another may follow.
func (c *connection) serveOne() (bool, error) {
	c.until(time.Now().Add(c.server.keepAlive))
	if len(c.buffer) == 0 {
		if err := c.fill(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return false, nil
			}
			return false, err
		}
	}
	c.until(time.Now().Add(c.server.header))
	request, err := c.readHead()
	if err != nil {
		return c.refuse(err, "")
	}
	c.setBusy(true)
	defer c.setBusy(false)
	c.SetReadDeadline(time.Now().Add(bodyTime))
	length, err := framing(request)
	if err != nil {
		return c.refuse(err, request.method)
	}
	waits := request.minor >= 1 && contains(request.members("expect"), "100-continue")
	if waits && length != 0 && len(c.buffer) == 0 {
		if err := c.send([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return false, err
		}
	}
	if request.body, err = c.readBody(length); err != nil {
		return c.refuse(err, request.method)
	}
	answer := c.server.answer(request)
	staysOpen := request.staysOpen() && !c.server.stopping.Load() && !(answer.stream > 0 && request.minor == 0)
	return staysOpen, c.write(request, answer, staysOpen)
}

// refuse answers what cannot be understood; nothing after it can be trusted.
func (c *connection) refuse(err error, method string) (bool, error) {
	var wrong bad
	switch {
	case errors.As(err, &wrong):
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.gone:
		wrong = bad(408)
	default:
		return false, err
	}
	answer := failure(int(wrong))
	head := answer.head("close", false)
	if method == "HEAD" {
		return false, c.send(head)
	}
	return false, c.send(append(head, answer.body...))
}

func (c *connection) write(request *request, answer *answer, staysOpen bool) error {
	option := ""
	if !staysOpen {
		option = "close"
	} else if request.minor == 0 {
		option = "keep-alive"
	}
	chunked := answer.stream > 0 && request.minor >= 1
	head := answer.head(option, chunked)
	if request.method == "HEAD" {
		return c.send(head)
	}
	if answer.stream == 0 {
		return c.send(append(head, answer.body...))
	}
	if err := c.send(head); err != nil {
		return err
	}
	return c.writeStream(answer.stream, chunked)
}

func (c *connection) send(data []byte) error {
	c.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := c.Write(data)
	return err
}

// sayGoodbye stops sending and reads on for a while: unread bytes would make a reset that overtakes the last answer.
func (c *connection) sayGoodbye() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		if err := tcp.CloseWrite(); err != nil {
			return
		}
	}
	c.SetReadDeadline(time.Now().Add(lingerTime))
	if _, err := io.Copy(io.Discard, c.Conn); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		log.Print(err)
	}
}
