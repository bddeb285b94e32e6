package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDoctor(t *testing.T) {
	run := func(args ...string) string {
		var out bytes.Buffer
		root := newRootCommand()
		root.SetArgs(append([]string{"doctor"}, args...))
		root.SetOut(&out)
		require.NoError(t, root.Execute())
		return out.String()
	}
	text := run()
	var findings []finding
	require.NoError(t, json.Unmarshal([]byte(run("--json")), &findings))
	for _, f := range findings {
		assert.NotEmpty(t, f.Value, f.Topic)
		assert.Contains(t, text, f.Topic)
	}
	assert.Contains(t, text, "OpenCV")
	assert.Regexp(t, `MPI +(Open MPI v[45].* \(/.*libmpi.so.40.*\)|not found \(needed for several processes only\): Open MPI's library cannot be opened: libmpi.so.40: )`, text)

	root := newRootCommand()
	root.SetArgs([]string{"doctor", "extra"})
	assert.Error(t, root.Execute())
}

func TestWriteFindingsShowsProblems(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, writeFindings(&out, []finding{{"memory", "1 GiB", ""}, {"OpenCV", "0.1", "too old"}}, false))
	assert.Equal(t, "memory  1 GiB\nOpenCV  0.1\n        PROBLEM: too old\n", out.String())
}

func TestProcFields(t *testing.T) {
	assert.Equal(t, "Fast 9000", processorName("processor\t: 0\nmodel name\t: Fast 9000\n"))
	assert.Equal(t, "unknown", processorName(""))
	memoryOf := func(meminfo string) string { return memory(fstest.MapFS{"proc/meminfo": {Data: []byte(meminfo)}}) }
	assert.Equal(t, "2.0 GiB, 1.0 GiB available", memoryOf("MemTotal:       2097152 kB\nMemAvailable:  1048576 kB\n"))
	for _, text := range []string{"", "MemTotal: many", "MemTotal: 5 kB"} {
		assert.Equal(t, "unknown", memoryOf(text))
	}
}
