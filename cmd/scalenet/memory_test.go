package main

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestReadMemory(t *testing.T) {
	const meminfo = "MemTotal:       8388608 kB\nMemFree: 1 kB\nMemAvailable:  4194304 kB\n"
	const GiB = 1 << 30
	for name, c := range map[string]struct {
		files map[string]string
		want  hostMemory
		text  string
	}{
		"no group":  {nil, hostMemory{8 * GiB, 4 * GiB, 0}, "8.0 GiB, 4.0 GiB available"},
		"unlimited": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/memory.current": "5\n"}, hostMemory{8 * GiB, 4 * GiB, 0}, "8.0 GiB, 4.0 GiB available"},
		"version 2": {map[string]string{"proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/memory.max": "2147483648\n", "sys/fs/cgroup/a/memory.current": "1610612736\n",
			"sys/fs/cgroup/a/memory.stat":  "anon 1\ninactive_file 536870912\nfile 3\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "1\n"},
			hostMemory{8 * GiB, GiB, 2 * GiB}, "8.0 GiB, 1.0 GiB available (the process is limited to 2.0 GiB)"},
		"version 1": {map[string]string{"proc/self/cgroup": "9:cpu:/x\n4:memory:/not/seen/here\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1073741824\n"},
			hostMemory{8 * GiB, 0, GiB}, "8.0 GiB, 0.0 GiB available (the process is limited to 1.0 GiB)"},
		"version 1, unlimited": {map[string]string{"proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n"},
			hostMemory{8 * GiB, 4 * GiB, 0}, "8.0 GiB, 4.0 GiB available"},
		"nonsense": {map[string]string{"proc/self/cgroup": "what\n0::\n:::\n", "sys/fs/cgroup/memory.max": "-\n"}, hostMemory{8 * GiB, 4 * GiB, 0}, "8.0 GiB, 4.0 GiB available"},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{"proc/meminfo": {Data: []byte(meminfo)}}
			for name, text := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, ok := readMemory(root)
			require.True(t, ok)
			require.Equal(t, c.want, got)
			require.Equal(t, c.text, got.String())
		})
	}
}

// A run that needs more memory than any machine has ends before it begins.
func TestTrainingThatDoesNotFit(t *testing.T) {
	_, args := tinyRun(t)
	status, _, stderr := scalenet(append(args, "--set", "batch=65536", "--set", "input.shorter=[640]", "--set", "input.longest=1280")...)
	requireError(t, status, stderr, "training on batches of 65536 images, padded to 1024x864, needs at least ", " GiB of memory, but only ", "train.accumulate")
	require.NoFileExists(t, args[len(args)-3]+"/config.yaml")
	data := colourImages(t)
	out := t.TempDir()
	status, _, stderr = scalenet(replaced(append([]string{"classify", "train", "--data", data, "--out", out}, tinyBackbone...), "--set", "batch=65536", "--set", "input.size=512", "--set", "input.test_resize=512")...)
	requireError(t, status, stderr, "training on batches of 65536 images of 512x512 needs at least ")
}
