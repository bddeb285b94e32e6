package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// long is the duration of `make soak`, or the short one of `make test`.
func long(short, long time.Duration) time.Duration {
	if os.Getenv("SCALENET_SOAK") != "" {
		return long
	}
	return short
}

// attack sends an image at a rate, whatever the answers are (open loop).
func (s *served) attack(perSecond float64, d time.Duration, image []byte, each func(*vegeta.Result)) {
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodPost, URL: s.url + "/detect", Body: image, Header: http.Header{"Content-Type": {"image/jpeg"}}})
	a := vegeta.NewAttacker(vegeta.Timeout(time.Minute))
	for r := range a.Attack(target, vegeta.Rate{Freq: int(perSecond*60) + 1, Per: time.Minute}, d, "") {
		each(r)
	}
	a.Stop()
}

// capacity is how many images a second the server answers to clients that wait, and that ask again where it is too busy.
func (s *served) capacity(t *testing.T, image []byte) float64 {
	const clients, each = 4, 15
	start := time.Now()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for n := 0; n < each; {
				a, err := http.Post(s.url+"/detect", "image/jpeg", bytes.NewReader(image))
				if !assert.NoError(t, err) {
					return
				}
				_, err = io.Copy(io.Discard, a.Body)
				assert.NoError(t, err)
				a.Body.Close()
				if !assert.Contains(t, []int{200, 503}, a.StatusCode) {
					return
				}
				if a.StatusCode == 200 {
					n++
				}
			}
		})
	}
	group.Wait()
	return clients * each / time.Since(start).Seconds()
}

// resident is the memory of this process in bytes.
func resident(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

// TestOverload sends more than the server can do: only answers and 503, memory that does not grow. In make soak, where nothing else runs,
// it sends twice of what the server can do, and no answer is later than the configured wait; package schedule tests that in synthetic time.
func TestOverload(t *testing.T) {
	const wait = time.Second
	s := serve(t, func(c *Config) { c.Queue.Wait, c.Log = wait, DefaultConfig().Log })
	image := photo(t, 200, 150)
	capacity := s.capacity(t, image)
	d := long(3*time.Second, time.Minute)
	statuses := map[uint16]int{}
	var answered, queued vegeta.LatencyMetrics
	var begin int
	rate := 2 * capacity
	for statuses[503] == 0 && rate < 100*capacity { // a machine that was busy when capacity was measured can do more
		started := time.Now()
		s.attack(rate, d, image, func(r *vegeta.Result) {
			statuses[r.Code]++
			if r.Code == 200 {
				answered.Add(r.Latency)
				queued.Add(queueTime(t, r.Body))
			}
			if begin == 0 && time.Since(started) > d/3 {
				runtime.GC()
				begin = resident(t)
			}
		})
		rate *= 2
	}
	runtime.GC()
	grown := resident(t) - begin
	p99 := answered.Quantile(0.99)
	t.Logf("capacity %.0f/s, sent %.0f/s for %v: %v, queued p99 %v, answered p50 %v p99 %v, memory %+d MB",
		capacity, rate/2, d, statuses, queued.Quantile(0.99), answered.Quantile(0.5), p99, grown>>20)
	for status := range statuses {
		assert.Contains(t, []uint16{200, 503}, status)
	}
	assert.Positive(t, statuses[200])
	assert.Positive(t, statuses[503])
	if os.Getenv("SCALENET_SOAK") != "" { // otherwise server and clients share their processors with other packages' tests
		assert.Less(t, queued.Quantile(0.99), wait+wait/2)
		assert.Less(t, p99, wait+wait/2)
	}
	assert.Less(t, grown, 64<<20)
}

// queueTime is how long an answer says that its image waited. It takes no
// more of the answer apart than that: the server needs the processors.
func queueTime(t *testing.T, answer []byte) time.Duration {
	_, rest, found := bytes.Cut(answer, []byte(`"timing_ms":{"queue":`))
	text, _, _ := bytes.Cut(rest, []byte(","))
	ms, err := strconv.ParseFloat(string(text), 64)
	require.True(t, found && err == nil, "%s", answer)
	return time.Duration(ms * float64(time.Millisecond))
}

// TestReloadUnderLoad replaces the model again and again: no request fails, both
// versions answer, and none of the old models stays.
func TestReloadUnderLoad(t *testing.T) {
	s := serve(t, func(c *Config) { c.Log, c.Queue.Wait, c.Timeout = DefaultConfig().Log, 0, patience })
	image := string(photo(t, 200, 150))
	reloads := 4
	if os.Getenv("SCALENET_SOAK") != "" {
		reloads = 20
	}
	var (
		mu       sync.Mutex
		versions = map[string]int{}
		done     atomic.Bool
		clients  sync.WaitGroup
	)
	answers := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, of := range versions {
			n += of
		}
		return n
	}
	const together = 4
	for range together { // each waits for its answer: the load is what the machine can do
		clients.Go(func() {
			for !done.Load() {
				status, _, text := s.post(t, "/detect", "image/jpeg", image)
				if !assert.Equal(t, 200, status, text) {
					return
				}
				mu.Lock()
				versions[read[DetectResponse](t, text).Model.Version]++
				mu.Unlock()
			}
		})
	}
	for i := range reloads {
		before := answers()
		wait(t, "each client is answered", func() bool { return answers() >= before+2*together })
		next := s.files[0] + ".next"
		writeModel(t, next, uint64(100+i), "cat", "dog", "first")
		require.NoError(t, os.Rename(next, s.files[0]))
		for _, r := range s.config.Models.Refresh(false) {
			assert.NoError(t, r.Err)
			s.logReload(r)
		}
	}
	before := answers()
	wait(t, "each client is answered", func() bool { return answers() >= before+2*together })
	done.Store(true)
	clients.Wait()
	t.Logf("%d reloads, answers by version: %v", reloads, versions)
	assert.Len(t, versions, 1+reloads)
}

// TestGoneClients: what clients who have gone left in the queue leaves it.
func TestGoneClients(t *testing.T) {
	s := serve(t, nil)
	s.hold()
	image := string(photo(t, 100, 70))
	const clients = 30
	ctx, kill := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/detect", strings.NewReader(image))
			assert.NoError(t, err)
			r.Header.Set("Content-Type", "image/jpeg")
			_, err = http.DefaultClient.Do(r)
			assert.Error(t, err)
		})
	}
	wait(t, "the queue fills", func() bool { return s.queue.Depth() == clients-1 }) // one is with the worker
	kill()
	group.Wait()
	wait(t, "the queue empties", func() bool { return s.queue.Depth() == 0 })
	wait(t, "all are counted", func() bool {
		_, _, text := s.send(t, http.MethodGet, "/metrics", "", nil)
		return strings.Contains(text, fmt.Sprintf("scalenet_cancelled_total %d\n", clients))
	})
}

// patience is how long a test waits for what has to come, on a machine that is busy.
const patience = 90 * time.Second

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, patience, 5*time.Millisecond, what)
}

// TestDeadline: 504 in time although the worker hangs; the wait is part of it.
func TestDeadline(t *testing.T) {
	s := serve(t, func(c *Config) { c.Timeout = 3 * time.Second }) // in which a busy machine reads the image
	s.hold()
	status, _, text := s.post(t, "/detect", "image/jpeg", string(photo(t, 100, 70)))
	assert.Equal(t, 504, status)
	assert.Equal(t, "deadline_exceeded", errorOf(t, text).Code)
}

// TestQueueFull: 503 with a time to come back; the others are answered.
func TestQueueFull(t *testing.T) {
	s := serve(t, func(c *Config) { c.Queue.Places, c.Limits.Images = 2, 2 })
	s.hold()
	image := string(photo(t, 100, 70))
	statuses := make(chan int, 3)
	for i := range 3 {
		go func() {
			status, _, _ := s.post(t, "/detect", "image/jpeg", image)
			statuses <- status
		}()
		wait(t, "it is queued", func() bool { return s.queue.Depth() == i || i == 0 })
		if i == 0 { // with the worker before the next one comes
			wait(t, "it runs", func() bool { return s.memory.used.Load() > 100*70*6 && s.queue.Depth() == 0 })
		}
	}
	status, header, text := s.post(t, "/detect", "image/jpeg", image)
	assert.Equal(t, 503, status)
	assert.Equal(t, "queue_full", errorOf(t, text).Code)
	assert.NotEmpty(t, header.Get("Retry-After"))
	for range 3 {
		s.gate <- struct{}{}
	}
	for range 3 {
		assert.Equal(t, 200, <-statuses)
	}
}

// TestSlowBody: a body that does not arrive is given up.
func TestSlowBody(t *testing.T) {
	s := serve(t, func(c *Config) { c.Timeout = 200 * time.Millisecond })
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprint(connection, "POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\nhalf")
	require.NoError(t, err)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(patience)))
	answer := make([]byte, 1000)
	n, err := connection.Read(answer)
	require.NoError(t, err)
	assert.Contains(t, string(answer[:n]), "408 Request Timeout")
	assert.Contains(t, string(answer[:n]), "body_timeout")
}

// TestBatches: images of one size that wait go through the network together,
// with the answers of one alone, each by its own parameters.
func TestBatches(t *testing.T) {
	s := serve(t, func(c *Config) { c.Queue.Batch = 4 })
	image := string(photo(t, 100, 70))
	_, _, text := s.post(t, "/detect", "image/jpeg", image)
	alone := read[DetectResponse](t, text).Detections
	require.Greater(t, len(alone), 4)
	s.hold()
	answers := make([][]Detection, 5)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			status, _, text := s.post(t, fmt.Sprintf("/detect?max=%d", i+1), "image/jpeg", image)
			if assert.Equal(t, 200, status, text) {
				answers[i] = read[DetectResponse](t, text).Detections
			}
		})
		want := i
		wait(t, "it is queued", func() bool { return s.queue.Depth() == want && s.memory.used.Load() > int64(i+1)*100*70*6 })
	}
	s.gate <- struct{}{}
	s.gate <- struct{}{}
	group.Wait()
	for i, got := range answers {
		require.Len(t, got, i+1)
		for k, d := range got {
			assert.Equal(t, alone[k].Label, d.Label)
			assert.InDelta(t, alone[k].Score, d.Score, 1e-5)
			assert.InDelta(t, alone[k].Box.X1, d.Box.X1, 1e-2)
		}
	}
	_, _, text = s.send(t, http.MethodGet, "/metrics", "", nil)
	assert.Contains(t, text, `scalenet_batch_size_bucket{model="first",le="1"} 2`, "the first alone, then one before the others")
	assert.Contains(t, text, `scalenet_batch_size_bucket{model="first",le="4"} 3`)
}

// TestChunkFlood: a chunked body that is nearly all overhead is refused long
// before it is as long as a body may be.
func TestChunkFlood(t *testing.T) {
	s := serve(t, nil)
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprint(connection, "POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	answered := make(chan string, 1)
	go func() {
		answer := make([]byte, 1000)
		n, _ := connection.Read(answer)
		answered <- string(answer[:n])
	}()
	chunk, sent := "1;"+strings.Repeat("x", 1000)+"\r\nx\r\n", 0
	for {
		select {
		case answer := <-answered:
			assert.Contains(t, answer, "400 Bad Request")
			assert.Less(t, sent, 4<<20)
			return
		default:
		}
		require.Less(t, sent, 64<<20, "it takes all of it")
		n, err := connection.Write([]byte(chunk))
		sent += n
		if err != nil { // closed: the answer is there or on its way
			answer := <-answered
			assert.True(t, answer == "" || strings.Contains(answer, "400 Bad Request"), answer)
			return
		}
	}
}
