package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

var (
	hop          = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}
	notForwarded = []string{"Content-Length", "Expect"}
	conditions   = []string{"If-None-Match", "If-Modified-Since"} // what a validation asks in place of the client
)

// Origin is where answers come from.
type Origin struct {
	authority string
	address   string
	timeout   time.Duration
}

// newOrigin reads ORIGIN_URL.
func newOrigin(text string, timeout time.Duration) (*Origin, error) {
	parts, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	address := parts.Host
	if parts.Port() == "" {
		address += ":80"
	}
	return &Origin{parts.Host, address, timeout}, nil
}

// fetch forwards a request; with an entry, which may be nil, its validators take the place of the client's conditions.
func (o *Origin) fetch(request Request, validated *Entry) (Response, error) {
	header := endToEnd(request.Header)
	for _, name := range notForwarded {
		header.Del(name)
	}
	header.Set("Host", o.authority)
	header.Add("Via", "1.1 lab")
	if validated != nil {
		stored := validated.response.Header
		replace(header, "If-None-Match", stored.Get("Etag"))
		replace(header, "If-Modified-Since", stored.Get("Last-Modified"))
	}
	response, err := ask(o.address, Request{request.Method, request.Target, header, request.Body}, o.timeout)
	if err != nil {
		return response, err
	}
	response.Header = endToEnd(response.Header)
	if !has(response.Header, "Date") { // RFC 9110, 6.6.1: that of its arrival
		response.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	return response, nil
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
			delete(kept, strings.TrimSpace(name))
		}
	}
	for _, name := range hop {
		kept.Del(name)
	}
	return kept
}
