// An accepted solution in another style: net/http's own router, and goroutines that own their state instead of locks.
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
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type policy struct {
	Algorithm      string `json:"algorithm"`
	Limit          int64  `json:"limit"`
	WindowMs       int64  `json:"window_ms"`
	Burst          int64  `json:"burst"`
	OnStoreFailure string `json:"on_store_failure"`
}

func (p *policy) window() int64 { return p.WindowMs * 1000 }
func (p *policy) burst() int64  { return cmp.Or(p.Burst, p.Limit) }

func (p *policy) capacity() int64 {
	if p.Algorithm == "token-bucket" {
		return p.burst()
	}
	return p.Limit
}

// seconds is the w of RateLimit-Policy. What fills a bucket also fills a window, whose capacity is its limit.
func (p *policy) seconds() int64 { return up(p.capacity()*p.WindowMs, 1000*p.Limit) }

type limiter interface {
	decide(name, client string, rule *policy, cost int64) (verdict, error)
	tracked() int64
}

type service struct {
	policies map[string]*policy
	limiter  limiter
}

func main() {
	s := service{limiter: newShards(2 * runtime.NumCPU())}
	if location := os.Getenv("REDIS_URL"); location != "" {
		shared, err := newStore(location)
		if err != nil {
			log.Fatal(err)
		}
		s.limiter = shared
	}
	if err := json.Unmarshal([]byte(os.Getenv("POLICIES")), &s.policies); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, map[string]any{}) })
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		send(w, 200, map[string]any{"tracked_clients": s.limiter.tracked()})
	})
	mux.HandleFunc("GET /resource/{policy}", s.resource)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { problem(w, 404, "unknown path", nil) })
	server := http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: mux}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() { log.Print(server.ListenAndServe()) }()
	<-term
	patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = server.Shutdown(patience)
}

func (s service) resource(w http.ResponseWriter, r *http.Request) {
	name, client := r.PathValue("policy"), r.Header.Get("X-Client-Id")
	rule, known := s.policies[name]
	query, queryErr := url.ParseQuery(r.URL.RawQuery)
	cost, costErr := readCost(query["cost"])
	switch {
	case !known:
		problem(w, 404, "unknown policy", nil)
	case client == "" || len(client) > 128 || strings.ContainsFunc(client, func(c rune) bool { return c < '!' || c > '~' }):
		problem(w, 400, "invalid client id", nil)
	case queryErr != nil || costErr != nil:
		problem(w, 400, "invalid cost", nil)
	case cost > rule.capacity():
		problem(w, 422, "cost beyond the limit", nil)
	default:
		found, err := s.limiter.decide(name, client, rule, cost)
		if err != nil {
			degrade(w, name, client, rule)
		} else {
			tell(w, name, client, rule, found)
		}
	}
}

func readCost(texts []string) (int64, error) {
	if texts == nil {
		return 1, nil
	}
	cost, err := strconv.ParseInt(texts[0], 10, 64)
	// ParseInt also takes +5 and 007.
	if err != nil || strconv.FormatInt(cost, 10) != texts[0] || cost < 1 || cost > 1000 {
		return 0, strconv.ErrSyntax
	}
	return cost, nil
}

func tell(w http.ResponseWriter, name, client string, rule *policy, found verdict) {
	w.Header().Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", name, rule.capacity(), rule.seconds()))
	w.Header().Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", name, found.left, up(found.grows, 1e6)))
	if found.admitted {
		send(w, 200, map[string]any{"policy": name, "client": client, "remaining": found.left})
		return
	}
	waitMs := up(found.wait, 1000)
	w.Header().Set("Retry-After", strconv.FormatInt(up(waitMs, 1000), 10))
	problem(w, 429, "too many requests", map[string]any{"retry_after_ms": waitMs})
}

// degrade answers while Redis is away.
func degrade(w http.ResponseWriter, name, client string, rule *policy) {
	if rule.OnStoreFailure == "open" {
		w.Header().Set("X-RateLimit-Degraded", "true")
		send(w, 200, map[string]any{"policy": name, "client": client})
		return
	}
	w.Header().Set("Retry-After", "1")
	problem(w, 503, "no store", nil)
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
