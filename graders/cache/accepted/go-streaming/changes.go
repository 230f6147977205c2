package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	safe     = []string{"GET", "HEAD", "OPTIONS", "TRACE"}
	absolute = regexp.MustCompile(`^(?i:https?:)?//([^/?]*)(.*)$`)
)

// changedTargets are those that are not any more what they were (CA-22); authority is the origin's.
func changedTargets(request Request, response Response, authority string) []string {
	if slices.Contains(safe, request.Method) || response.Status < 200 || response.Status >= 400 {
		return nil
	}
	ours := []string{strings.ToLower(authority), strings.ToLower(request.Header.Get("Host"))}
	targets := []string{request.Target}
	for _, reference := range slices.Concat(response.Header["Location"], response.Header["Content-Location"]) {
		if target := targetOf(reference, request.Target, ours); target != "" {
			targets = append(targets, target)
		}
	}
	return targets
}

// targetOf is the target of a reference, byte for byte, if it is one of ours; "" else.
func targetOf(reference, base string, ours []string) string {
	plain, _, _ := strings.Cut(reference, "#")
	if match := absolute.FindStringSubmatch(plain); match != nil {
		if !slices.Contains(ours, strings.ToLower(match[1])) {
			return ""
		}
		if strings.HasPrefix(match[2], "/") {
			return match[2]
		}
		return "/" + match[2]
	}
	if strings.HasPrefix(plain, "/") {
		return plain
	}
	from, err := url.ParseRequestURI(base)
	if err != nil {
		return ""
	}
	found, err := from.Parse(plain)
	if err != nil || found.Host != "" || found.Opaque != "" {
		return ""
	}
	return found.RequestURI()
}
