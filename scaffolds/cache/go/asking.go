// Asking another server: done, like plumbing.go.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

var (
	// errNoAnswer: nobody listens, the connection was closed, or what came is no HTTP.
	errNoAnswer = errors.New("no answer")
	// errTooLate: no complete field section in time, or no connection.
	errTooLate = errors.New("too late")
	// errCutShort: the body ended early, or stalled.
	errCutShort = errors.New("cut short")
)

// ask sends a request as it is, with its Content-Length, over a connection of its own, and reads the whole answer. Nothing
// is tried again. The error is errNoAnswer, errTooLate or errCutShort.
func ask(address string, request Request, timeout time.Duration) (Response, error) {
	until := time.Now().Add(timeout)
	connection, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return Response{}, reasonOf(err)
	}
	defer connection.Close()
	connection.SetWriteDeadline(until)
	if _, err := connection.Write(asBytes(request)); isLate(err) {
		return Response{}, errTooLate
	} // any other error: it may have answered before it had read everything
	source := &patient{connection, until, timeout}
	reader := bufio.NewReader(source)
	answer, err := readHead(reader, request.Method)
	if err != nil {
		return Response{}, reasonOf(err)
	}
	source.until = time.Time{}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return Response{}, errCutShort
	}
	return Response{answer.StatusCode, answer.Header, body}, nil
}

// readHead reads a final answer's status and fields.
func readHead(reader *bufio.Reader, method string) (*http.Response, error) {
	for {
		answer, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil || answer.StatusCode >= 200 {
			return answer, err
		}
	}
}

// asBytes is a request as it is sent.
func asBytes(request Request) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\n", request.Method, request.Target)
	for name, lines := range request.Header {
		for _, line := range lines {
			fmt.Fprintf(&text, "%s: %s\r\n", name, line)
		}
	}
	hasBody := request.Method == "POST" || request.Method == "PUT" || request.Method == "PATCH"
	if len(request.Body) > 0 || hasBody || request.Header.Get("Content-Type") != "" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(request.Body))
	}
	text.WriteString("Connection: close\r\n\r\n")
	text.Write(request.Body)
	return text.Bytes()
}

// patient reads from a connection: until one deadline, and without one for as long as something comes in time.
type patient struct {
	connection net.Conn
	until      time.Time
	timeout    time.Duration
}

// Read is that of io.Reader.
func (p *patient) Read(piece []byte) (int, error) {
	until := p.until
	if until.IsZero() {
		until = time.Now().Add(p.timeout)
	}
	p.connection.SetReadDeadline(until)
	return p.connection.Read(piece)
}

func reasonOf(err error) error {
	if isLate(err) {
		return errTooLate
	}
	return errNoAnswer
}

func isLate(err error) bool {
	var fault net.Error
	return errors.As(err, &fault) && fault.Timeout()
}
