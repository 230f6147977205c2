// HTTP plumbing: done, so that you can think about the cache. You need not change anything here.
//
// serve(answer) listens on $HOST:$PORT and calls answer with each request, each connection in a goroutine of its own.
// SIGTERM lets requests in flight finish, then ends the program with 0. To ask another server, see asking.go.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const lastMoment = 3 * time.Second

// Request is one request. Target is path and query, byte for byte; Header has Host, too.
type Request struct {
	Method string
	Target string
	Header http.Header // Header.Values(name) has every line of a field
	Body   []byte
	Gone   context.Context
}

// Response is an answer. Its Content-Length is written by whoever sends it; one to HEAD may have a Body, which is not sent.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// NotImplemented is the reason of a panic where code is still to be written.
type NotImplemented string

// asJSON is an answer of your own; an error as a problem document (RFC 9457).
func asJSON(status int, content any) Response {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	body, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return Response{status, http.Header{"Content-Type": {kind}}, body}
}

// problem is an error of your own.
func problem(status int, title string) Response {
	return asJSON(status, map[string]any{"title": title, "status": status})
}

// serve serves until SIGTERM.
func serve(answer func(Request) Response) {
	server := &http.Server{
		Addr:    net.JoinHostPort(cmp.Or(os.Getenv("HOST"), "127.0.0.1"), cmp.Or(os.Getenv("PORT"), "8000")),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, answer) }),
	}
	// Before it listens: whoever is answered may ask it to stop at once.
	asked, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer forget()
	stopped := make(chan struct{})
	go func() {
		stopOnSignal(asked, server)
		close(stopped)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-stopped // ListenAndServe returns as soon as stopping begins
}

// stopOnSignal waits until it is asked to stop, accepts no more, and lets requests in flight finish.
func stopOnSignal(asked context.Context, server *http.Server) {
	<-asked.Done()
	patience, cancel := context.WithTimeout(context.Background(), lastMoment)
	defer cancel()
	if server.Shutdown(patience) != nil {
		server.Close() // to Go, a connection that never sent a request is not idle for its first 5 s
	}
}

// handle asks answer, and sends what it says.
func handle(w http.ResponseWriter, r *http.Request, answer func(Request) Response) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client left in the middle of its request
	}
	r.Header.Set("Host", r.Host) // net/http takes it out
	send(w, r.Method, guarded(answer, Request{r.Method, r.RequestURI, r.Header, body, r.Context()}))
}

// guarded asks answer; a panic becomes an answer too.
func guarded(answer func(Request) Response, request Request) (response Response) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case NotImplemented:
			response = problem(501, "not implemented yet: "+string(reason))
		default:
			log.Printf("panic: %v\n%s", reason, strings.Join(trail(), "\n"))
			response = problem(500, "internal error")
		}
	}()
	return answer(request)
}

// trail is how this program came here, without the libraries' part of the way.
func trail() []string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	lines := []string{}
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "main.") {
			lines = append(lines, fmt.Sprintf("    %s:%d %s", filepath.Base(frame.File), frame.Line, frame.Function))
		}
		if !more {
			return lines
		}
	}
}

// send sends a response in one piece, with no field but its own: net/http would guess a Content-Type.
func send(w http.ResponseWriter, method string, response Response) {
	header := w.Header()
	header["Content-Type"] = nil
	for name, lines := range response.Header {
		header[name] = lines
	}
	isBare := method == "HEAD" || response.Status == 204 || response.Status == 304
	if !isBare || len(response.Body) > 0 {
		header["Content-Length"] = []string{strconv.Itoa(len(response.Body))}
	}
	w.WriteHeader(response.Status)
	if !isBare {
		w.Write(response.Body) // a client that went away is no error of ours
	}
}
