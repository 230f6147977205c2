package main

import (
	"encoding/json"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	known        = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true}
	absoluteForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*`)
)

type handler func(r *request, rest string) *answer

// answer finds what answers the request.
func (s *server) answer(r *request) *answer {
	if !known[r.method] {
		return failure(501)
	}
	path, ok := decodedPath(r.target)
	if !ok {
		return failure(400)
	}
	handlers, rest := s.find(path)
	if handlers == nil {
		return failure(404)
	}
	method := r.method
	if method == "HEAD" {
		method = "GET"
	}
	if handle, ok := handlers[method]; ok {
		return handle(r, rest)
	}
	allowed := []string{}
	for each := range handlers {
		allowed = append(allowed, each)
		if each == "GET" {
			allowed = append(allowed, "HEAD")
		}
	}
	sort.Strings(allowed)
	return failure(405, field{"Allow", strings.Join(allowed, ", ")})
}

func (s *server) find(path string) (map[string]handler, string) {
	switch path {
	case "/":
		return map[string]handler{"GET": func(*request, string) *answer { return text(200, "ok\n") }}, ""
	case "/headers":
		return map[string]handler{"GET": headers}, ""
	case "/echo":
		return map[string]handler{"POST": echoBody}, ""
	}
	prefixes := map[string]map[string]handler{
		"/echo/":   {"GET": func(_ *request, rest string) *answer { return text(200, rest) }},
		"/slow/":   {"GET": slow},
		"/stream/": {"GET": stream},
		"/files/":  {"GET": s.getFile, "PUT": s.putFile, "DELETE": s.deleteFile},
	}
	for prefix, handlers := range prefixes {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return handlers, rest
		}
	}
	return nil, ""
}

// decodedPath is the path of the target, percent-decoded once.
func decodedPath(target string) (string, bool) {
	if start := absoluteForm.FindString(target); start != "" {
		target = target[len(start):]
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		return "", false
	}
	decoded, err := url.PathUnescape(path)
	return decoded, err == nil
}

func number(text string, least, most int) (int, bool) {
	value, err := strconv.Atoi(text)
	return value, err == nil && digits.MatchString(text) && least <= value && value <= most
}

func headers(r *request, _ string) *answer {
	joined := map[string]string{}
	for _, each := range r.fields {
		if before, ok := joined[each.name]; ok {
			joined[each.name] = before + ", " + each.value
		} else {
			joined[each.name] = each.value
		}
	}
	body, err := json.Marshal(joined)
	if err != nil {
		return failure(500)
	}
	return &answer{status: 200, body: body, fields: []field{{"Content-Type", "application/json"}}}
}

func echoBody(r *request, _ string) *answer {
	kind, ok := r.get("content-type")
	if !ok {
		kind = "application/octet-stream"
	}
	return &answer{status: 200, body: r.body, fields: []field{{"Content-Type", kind}}}
}

func slow(_ *request, rest string) *answer {
	wait, ok := number(rest, 0, 10000)
	if !ok {
		return failure(400)
	}
	time.Sleep(time.Duration(wait) * time.Millisecond)
	return text(200, "ok\n")
}

func stream(_ *request, rest string) *answer {
	count, ok := number(rest, 1, 1000)
	if !ok {
		return failure(400)
	}
	return &answer{status: 200, fields: []field{{"Content-Type", "text/plain"}}, stream: count}
}

// isName says whether a file may be called so.
func isName(name string) bool {
	return len(name) >= 1 && len(name) <= 200 && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00") &&
		utf8.ValidString(name)
}

func (s *server) getFile(r *request, name string) *answer {
	if !isName(name) {
		return failure(404)
	}
	found := s.store.read(name)
	if found == nil {
		return failure(404)
	}
	return serveFile(r, found)
}

func (s *server) putFile(r *request, name string) *answer {
	if !isName(name) {
		return failure(400)
	}
	status, err := s.store.write(name, r.body, func(old *file) bool { return allows(r, old) })
	if err != nil {
		return failure(500)
	}
	if status == 412 {
		return failure(412)
	}
	return &answer{status: status}
}

func (s *server) deleteFile(_ *request, name string) *answer {
	if !isName(name) || !s.store.remove(name) {
		return failure(404)
	}
	return &answer{status: 204}
}
