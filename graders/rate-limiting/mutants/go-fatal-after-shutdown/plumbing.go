// HTTP and JSON plumbing: done, so that you can think about the limiter. You need not change anything here.
//
// serve(route) listens on $HOST:$PORT and calls route with each request, each connection in a goroutine of its own.
// SIGTERM lets requests in flight finish, then ends the program with 0.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const lastMoment = 3 * time.Second

// Request is one request. Query keeps every value of a parameter, empty ones too.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
}

// Response is an answer with a JSON body. Without a ContentType it is application/json.
type Response struct {
	Status      int
	Content     any
	Headers     map[string]string
	ContentType string
}

// NotImplemented is the reason of a panic where code is still to be written.
type NotImplemented string

// problem is an error as a problem document (RFC 9457), with further members if you like.
func problem(status int, title string, headers map[string]string, members map[string]any) Response {
	content := map[string]any{"title": title, "status": status}
	for name, value := range members {
		content[name] = value
	}
	return Response{status, content, headers, "application/problem+json"}
}

// serve serves until SIGTERM.
func serve(route func(Request) Response) {
	server := &http.Server{
		Addr:    net.JoinHostPort(cmp.Or(os.Getenv("HOST"), "127.0.0.1"), cmp.Or(os.Getenv("PORT"), "8000")),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, route) }),
	}
	// Before it listens: whoever is answered may ask it to stop at once.
	asked, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer forget()
	go stopOnSignal(asked, server)
	log.Fatal(server.ListenAndServe())
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

// handle asks route, and sends what it says.
func handle(w http.ResponseWriter, r *http.Request, route func(Request) Response) {
	response := ask(route, Request{r.Method, r.URL.Path, parseQuery(r.URL.RawQuery), r.Header})
	answer(w, response)
	if r.URL.Path != "/healthz" {
		log.Print(r.Method, " ", r.RequestURI, " ", response.Status)
	}
}

// ask asks route; a panic becomes an answer too.
func ask(route func(Request) Response, request Request) (response Response) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case NotImplemented:
			response = problem(501, "not implemented yet: "+string(reason), nil, nil)
		default:
			log.Printf("panic: %v\n%s", reason, strings.Join(trail(), "\n"))
			response = problem(500, "internal error", nil, nil)
		}
	}()
	return route(request)
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

// parseQuery is url.ParseQuery, but keeps what is wrongly encoded as it is: dropped, it would look as if never sent.
func parseQuery(text string) url.Values {
	values := url.Values{}
	for pair := range strings.SplitSeq(text, "&") {
		if name, value, _ := strings.Cut(pair, "="); pair != "" {
			values.Add(unescape(name), unescape(value))
		}
	}
	return values
}

func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// answer sends response in one piece.
func answer(w http.ResponseWriter, response Response) {
	body, err := json.Marshal(response.Content)
	if err != nil {
		log.Print(err)
		response = problem(500, "internal error", nil, nil)
		body, _ = json.Marshal(response.Content)
	}
	w.Header().Set("Content-Type", cmp.Or(response.ContentType, "application/json"))
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(response.Status)
	w.Write(body) // small bodies get their Content-Length from net/http; a client that went away is no error of ours
}
