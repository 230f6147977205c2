package main

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	kept  = []string{"Content-Length", "Content-Encoding", "Content-Range", "Etag"}
	of304 = []string{"Etag", "Date", "Vary", "Cache-Control", "Expires", "Content-Location", "Cache-Status"}
	tag   = regexp.MustCompile(`(?:W/)?("[^"]*")`)
)

// whyNot says why a stored answer cannot be used (CA-6); "" when it can.
func whyNot(entry *Entry, asked Directives) string {
	age := entry.age()
	limit, isLimited := asked.seconds("max-age")
	left, mustLast := asked.seconds("min-fresh")
	switch {
	case age >= entry.lifetime || entry.told.has("no-cache"):
		return "stale"
	case isLimited && age > limit, mustLast && entry.lifetime-age < left, asked.has("no-cache", "no-store"):
		return "request"
	}
	return ""
}

// served is a stored answer, or 304 when the client has it (CA-18).
func served(asked http.Header, entry *Entry, status string) Response {
	response := entry.response
	if response.Status == 200 && isHeld(asked, response.Header) {
		response = Response{Status: 304, Header: http.Header{}}
		for _, name := range of304 {
			if lines := entry.response.Header[name]; lines != nil {
				response.Header[name] = lines
			}
		}
	}
	response = marked(response, status)
	response.Header.Set("Age", strconv.Itoa(int(entry.age())))
	return response
}

// isHeld says whether the client's conditions say that it has it (RFC 9110, 13.1).
func isHeld(asked, stored http.Header) bool {
	if tags, isThere := joined(asked, "If-None-Match"); isThere {
		mine, isTagged := strings.TrimPrefix(stored.Get("Etag"), "W/"), has(stored, "Etag")
		isSame := func(found []string) bool { return isTagged && found[1] == mine }
		return tags == "*" || slices.ContainsFunc(tag.FindAllStringSubmatch(tags, -1), isSame)
	}
	since, isAsked := dateOf(asked, "If-Modified-Since")
	changed, isKnown := dateOf(stored, "Last-Modified")
	return isAsked && isKnown && !changed.After(since)
}

// merged is CA-17: a 304's fields replace the stored ones.
func merged(old, told Response) Response {
	header := old.Header.Clone()
	for name, lines := range told.Header {
		if !slices.Contains(kept, name) {
			header[name] = lines
		}
	}
	return Response{Status: old.Status, Header: header, Body: old.Body}
}

// marked has a Cache-Status; the response that it is given stays as it is.
func marked(response Response, status string) Response {
	response.Header = response.Header.Clone()
	response.Header.Add("Cache-Status", "lab; "+status)
	return response
}

// failure is CA-3.
func failure(err error) Response {
	if errors.Is(err, errTooLate) {
		return problem(504, "the origin is too slow")
	}
	return problem(502, "no whole answer from the origin")
}
