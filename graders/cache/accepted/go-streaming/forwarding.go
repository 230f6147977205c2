package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var (
	hop          = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}
	notForwarded = []string{"Host", "Content-Length", "Expect"}
	conditions   = []string{"If-None-Match", "If-Modified-Since"} // what a validation asks in place of the client
)

// Why there is no answer (CA-3).
var (
	errNoAnswer = errors.New("no whole answer")
	errTooLate  = errors.New("too late")
)

// Origin is where answers come from. Only GET and HEAD go over connections that are kept: Go sends again, and by itself, what it
// takes for idempotent and what such a connection did not answer (CA-4).
type Origin struct {
	authority string
	timeout   time.Duration
	kept      *http.Transport
	once      *http.Transport
}

// newOrigin reads ORIGIN_URL.
func newOrigin(text string, timeout time.Duration) (*Origin, error) {
	parts, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	kept := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 5 * time.Second}
	once := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	return &Origin{parts.Host, timeout, kept, once}, nil
}

// fetch forwards a request; with an entry, which may be nil, its validators take the place of the client's conditions.
// It returns when there are the fields, and the first piece of the body, which is empty when there is none.
func (o *Origin) fetch(request Request, validated *Entry) (Response, *steady, []byte, error) {
	target, err := url.ParseRequestURI(request.Target)
	if err != nil {
		return Response{}, nil, nil, errNoAnswer
	}
	target.Scheme, target.Host = "http", o.authority
	var sent io.ReadCloser = http.NoBody
	if len(request.Body) > 0 {
		sent = io.NopCloser(bytes.NewReader(request.Body))
	}
	limited, cancel := context.WithCancel(context.Background())
	late := time.AfterFunc(o.timeout, cancel)
	transport := o.once
	if request.Method == http.MethodGet || request.Method == http.MethodHead {
		transport = o.kept
	}
	answer, err := transport.RoundTrip((&http.Request{
		Method:        request.Method,
		URL:           target,
		Host:          o.authority,
		Header:        o.asked(request, validated),
		Body:          sent,
		ContentLength: int64(len(request.Body)),
	}).WithContext(limited))
	if err != nil {
		cancel()
		if late.Stop() {
			return Response{}, nil, nil, errNoAnswer
		}
		return Response{}, nil, nil, errTooLate
	}
	late.Stop()
	body := &steady{answer.Body, late, o.timeout, cancel}
	first, err := body.next()
	if err != nil && err != io.EOF {
		body.Close()
		return Response{}, nil, nil, errNoAnswer
	}
	header := endToEnd(answer.Header)
	if !has(header, "Date") { // RFC 9110, 6.6.1: that of its arrival
		header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	return Response{Status: answer.StatusCode, Header: header}, body, first, nil
}

// asked has the fields that go on.
func (o *Origin) asked(request Request, validated *Entry) http.Header {
	header := endToEnd(request.Header)
	for _, name := range notForwarded {
		header.Del(name)
	}
	if !has(header, "User-Agent") {
		header["User-Agent"] = nil // or it would be Go's
	}
	header.Add("Via", "1.1 lab")
	if validated != nil {
		stored := validated.response.Header
		replace(header, "If-None-Match", stored.Get("Etag"))
		replace(header, "If-Modified-Since", stored.Get("Last-Modified"))
	}
	return header
}

// steady is a body each of whose pieces comes in time.
type steady struct {
	source  io.ReadCloser
	late    *time.Timer
	timeout time.Duration
	cancel  context.CancelFunc
}

// next is the next piece.
func (s *steady) next() ([]byte, error) {
	piece := make([]byte, 32<<10)
	s.late.Reset(s.timeout)
	count, err := s.source.Read(piece)
	s.late.Stop()
	if count > 0 {
		return piece[:count], nil
	}
	return nil, err
}

// Close is the end of it.
func (s *steady) Close() {
	s.source.Close()
	s.cancel()
}

func replace(header http.Header, name, value string) {
	header.Del(name)
	if value != "" {
		header.Set(name, value)
	}
}

// endToEnd is a copy without the fields of one connection (CA-2).
func endToEnd(header http.Header) http.Header {
	kept := header.Clone()
	for _, value := range header["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			kept.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hop {
		kept.Del(name)
	}
	return kept
}
