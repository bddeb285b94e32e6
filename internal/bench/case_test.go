package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"scalenet/engine/ref"
)

func TestCases(t *testing.T) {
	checkCases(t, Cases())
	checkCases(t, GPUCases())
}

func checkCases(t *testing.T, list []Case) {
	seen := map[string]bool{}
	for _, c := range list {
		require.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
		require.NotEmpty(t, c.About)
		peers := map[string]bool{"": true}
		for _, p := range c.Peers {
			require.False(t, peers[p.Name], "%s: two peers are named %s", c.Name, p.Name)
			peers[p.Name] = true
			if p.Case != "" {
				_, err := Select([]string{p.Case})
				require.NoError(t, err)
				continue
			}
			_, err := os.Stat(filepath.Join("../../bench/peers", p.Args[0]))
			require.NoError(t, err)
		}
		for _, g := range c.Goals {
			require.True(t, peers[g.Peer], "%s: a goal names %s", c.Name, g.Peer)
			require.Equal(t, g.Peer == "", g.AtMostMs > 0)
			require.Equal(t, g.Peer != "", g.Ratio > 0)
		}
	}
}

func TestSelect(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string // the names joined, or a part of the error
	}{
		{[]string{"nms-6000"}, "nms-6000"},
		{[]string{"nms-6000", "nms*", "roi*"}, "nms-6000 roialign-300"},
		{[]string{"resnet50-224-*"}, "resnet50-224-f32 resnet50-224-bf16 resnet50-224-int8"},
		{[]string{"nms"}, `no case is named "nms"; there are scalenet50-224-f32,`},
		{[]string{""}, `no case is named ""`},
	} {
		list, err := Select(c.names)
		if err != nil {
			require.ErrorContains(t, err, c.want)
			continue
		}
		require.Equal(t, c.want, strings.Join(caseNames(list), " "))
	}
	list, err := Select(nil)
	require.NoError(t, err)
	require.Equal(t, len(Cases()), len(list))
}

// One round per line, each of at least one run.
func TestServe(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Serve("nms-6000", ref.New(ref.Options{}), 0, strings.NewReader("\n\n"), &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	require.JSONEq(t, `{"version": ""}`, lines[0])
	for _, line := range lines[1:] {
		var r round
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		require.Len(t, r.Ms, 1)
		require.Positive(t, r.Ms[0])
		require.Greater(t, r.RSSMB, 1.0)
	}
	require.ErrorContains(t, Serve("nothing", nil, 0, nil, nil), `"nothing"`)
}

func TestGoals(t *testing.T) {
	figures := []Figure{{Name: "ours", BestMs: 9, Ratio: 1, RSSMB: 100}, {Name: "PyTorch", BestMs: 10, Ratio: 0.9, RSSMB: 80}}
	for _, c := range []struct {
		goal           Goal
		value          float64
		measured, pass bool
	}{
		{Goal{Peer: "PyTorch", Ratio: 0.9}, 0.9, true, true},
		{Goal{Peer: "PyTorch", Ratio: 0.89}, 0.9, true, false},
		{Goal{Peer: "PyTorch", Ratio: 1, Memory: true}, 1.25, true, false},
		{Goal{Peer: "OpenVINO", Ratio: 1}, 0, false, false},
		{Goal{AtMostMs: 9}, 9, true, true},
		{Goal{AtMostMs: 8}, 9, true, false},
	} {
		got := c.goal.check(figures)
		require.Equal(t, c.value, got.Value)
		require.Equal(t, c.measured, got.Measured)
		require.Equal(t, c.pass, got.Pass)
	}
	var out bytes.Buffer
	r := Result{Case: "a", About: "b", Contestants: figures, Goals: []Check{Goal{Peer: "OpenVINO", Ratio: 1}.check(figures)}}
	require.NoError(t, r.WriteTable(&out))
	require.Contains(t, out.String(), "not measured: at most 1 times OpenVINO")
}

// The error contains the last line that a baseline prints.
func TestPeerThatFails(t *testing.T) {
	scripts := t.TempDir()
	script := filepath.Join(scripts, "peer.sh")
	o, p := Options{Python: "sh", Scripts: scripts, Threads: 1}, Peer{Name: "PyTorch", Args: []string{"peer.sh"}}
	for content, want := range map[string]string{
		"":                                       "PyTorch ended: without a word",
		"echo trace >&2; echo no module >&2":     "PyTorch ended: no module",
		"echo hello":                             `PyTorch wrote "hello", not a line of JSON`,
		`echo '{"version": "1"}'; read x; exit`:  "PyTorch ended",
		`echo '{}'; read x; echo '{"ms": []}'`:   "PyTorch answered with no runs",
		`echo '{}'; read x; echo '{"ms": "no"}'`: "not a line of JSON",
	} {
		require.NoError(t, os.WriteFile(script, []byte(content), 0o644))
		c, err := o.peer(context.Background(), p)
		if err == nil {
			err = c.round()
			c.stop()
		}
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, os.WriteFile(script, []byte(`echo '{"version": "1"}'; while read x; do echo '{"ms": [3, 1, 2], "rss_mb": 5}'; done`), 0o644))
	c, err := o.peer(context.Background(), p)
	require.NoError(t, err)
	require.NoError(t, c.round())
	require.NoError(t, c.round())
	c.stop()
	require.Equal(t, []any{"1", 1.0, 2.0, 5.0, 6}, []any{c.version, c.best(), c.median(), c.rssMB, len(c.ms)})
	_, err = Options{Python: "sh", Scripts: "nowhere"}.peer(context.Background(), p)
	require.ErrorContains(t, err, "nowhere")
}

func TestProcessorTime(t *testing.T) {
	before, err := cpuTimeMs(os.Getpid())
	require.NoError(t, err)
	for start := time.Now(); time.Since(start) < time.Minute; {
		now, err := cpuTimeMs(os.Getpid())
		require.NoError(t, err)
		if now > before {
			return
		}
	}
	t.Error("a minute of work takes no processor time")
}

func TestProcessorTimeOfNobody(t *testing.T) {
	_, err := cpuTimeMs(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}
