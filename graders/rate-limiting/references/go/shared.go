// State in Redis, shared by all replicas: each decision is one script, which Redis runs alone and by its own clock.

package main

import (
	_ "embed"
	"fmt"
	"strconv"
)

var (
	//go:embed fixed_window.lua
	fixedWindowText string
	//go:embed sliding_window.lua
	slidingWindowText string
	//go:embed token_bucket.lua
	tokenBucketText string
)

// Shared decides in Redis.
type Shared struct {
	redis   *Redis
	scripts map[string]Script
}

// NewShared returns a limiter that keeps nothing to itself.
func NewShared(redis *Redis) *Shared {
	return &Shared{redis, map[string]Script{
		fixedWindow:   newScript(fixedWindowText),
		slidingWindow: newScript(slidingWindowText),
		tokenBucket:   newScript(tokenBucketText),
	}}
}

// Decide admits cost units now, or not at all. With an error nothing was decided, or nobody knows.
func (s *Shared) Decide(policy Policy, client string, cost int) (Decision, error) {
	key := policy.Name + ":" + client // no policy has a colon in its name
	window := strconv.FormatInt(policy.Window.Microseconds(), 10)
	limit, burst := strconv.Itoa(policy.Limit), strconv.Itoa(policy.Burst)
	reply, err := s.redis.Run(s.scripts[policy.Algorithm], key, limit, window, strconv.Itoa(cost), burst)
	if err != nil {
		return Decision{}, err
	}
	numbers := [4]int64{}
	items, _ := reply.([]any)
	if len(items) != len(numbers) {
		return Decision{}, fmt.Errorf("a script returned %v", reply)
	}
	for i, item := range items {
		numbers[i], _ = item.(int64)
	}
	return Decision{numbers[0] == 1, int(numbers[1]), numbers[2], numbers[3]}, nil
}

// Tracked is how many pairs this process holds state for: none, it is all in Redis.
func (s *Shared) Tracked() int {
	return 0
}
