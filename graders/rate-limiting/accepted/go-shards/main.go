// An accepted solution in another style: net/http's own router, and goroutines that own their state instead of locks.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type policy struct {
	Limit    int   `json:"limit"`
	WindowMs int64 `json:"window_ms"`
}

type service struct {
	policies map[string]policy
	shards   shards
}

func main() {
	s := service{shards: newShards(2 * runtime.NumCPU())}
	if err := json.Unmarshal([]byte(os.Getenv("POLICIES")), &s.policies); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, map[string]any{}) })
	mux.HandleFunc("GET /resource/{policy}", s.resource)
	server := http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: mux}
	go func() { log.Print(server.ListenAndServe()) }()
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = server.Shutdown(patience)
}

func (s service) resource(w http.ResponseWriter, r *http.Request) {
	name, client := r.PathValue("policy"), r.Header.Get("X-Client-Id")
	policy, known := s.policies[name]
	query, queryErr := url.ParseQuery(r.URL.RawQuery)
	cost, costErr := readCost(query["cost"])
	switch {
	case !known:
		problem(w, 404, "unknown policy", nil)
	case client == "" || len(client) > 128 || strings.ContainsFunc(client, func(c rune) bool { return c < '!' || c > '~' }):
		problem(w, 400, "invalid client id", nil)
	case queryErr != nil || costErr != nil:
		problem(w, 400, "invalid cost", nil)
	case cost > policy.Limit:
		problem(w, 422, "cost beyond the limit", nil)
	default:
		length := time.Duration(policy.WindowMs) * time.Millisecond
		found := s.shards.ask(question{pair: pair{name, client}, limit: policy.Limit, cost: cost, length: length})
		tell(w, name, client, policy, found)
	}
}

func readCost(texts []string) (int, error) {
	if texts == nil {
		return 1, nil
	}
	cost, err := strconv.Atoi(texts[0])
	// Atoi also takes +5 and 007.
	if err != nil || strconv.Itoa(cost) != texts[0] || cost < 1 || cost > 1000 {
		return 0, strconv.ErrSyntax
	}
	return cost, nil
}

func tell(w http.ResponseWriter, name, client string, policy policy, found verdict) {
	waitMs := (found.wait + time.Millisecond - 1).Milliseconds()
	seconds := (waitMs + 999) / 1000
	w.Header().Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", name, policy.Limit, policy.WindowMs/1000))
	w.Header().Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", name, found.remaining, seconds))
	if found.admitted {
		send(w, 200, map[string]any{"policy": name, "client": client, "remaining": found.remaining})
		return
	}
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	problem(w, 429, "too many requests", map[string]any{"retry_after_ms": waitMs})
}

func problem(w http.ResponseWriter, status int, title string, members map[string]any) {
	content := map[string]any{"title": title, "status": status}
	for name, value := range members {
		content[name] = value
	}
	w.Header().Set("Content-Type", "application/problem+json")
	send(w, status, content)
}

func send(w http.ResponseWriter, status int, content map[string]any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content)
}
