package main

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"scalenet/internal/brief"
)

// hostMemory is the memory that this process may use, in bytes.
type hostMemory struct {
	total, available int64
	limit            int64 // of a control group; 0 without
}

// readMemory reads /proc and /sys below root. ok is false if they do not contain
// the amount of memory. Swap is not counted.
func readMemory(root fs.FS) (m hostMemory, ok bool) {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return m, false
	}
	m.total, ok = kilobytes(string(text), "MemTotal")
	available, okToo := kilobytes(string(text), "MemAvailable")
	if !ok || !okToo {
		return m, false
	}
	m.available = available
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return m, true
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[0] == "0":
			m.within(root, "sys/fs/cgroup", parts[2], cgroupFiles{"memory.max", "memory.current", "inactive_file"})
		case strings.Contains(","+parts[1]+",", ",memory,"):
			m.within(root, "sys/fs/cgroup/memory", parts[2], cgroupFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"})
		}
	}
	return m, true
}

// cgroupFiles are the names of a version of control groups: the files of the
// limit and of the memory in use, and the key in memory.stat of the memory in use
// that the kernel can reclaim.
type cgroupFiles struct{ limit, used, inactive string }

// within applies the limits of a control group and of its ancestors.
func (m *hostMemory) within(root fs.FS, mount, group string, files cgroupFiles) {
	for {
		dir := path.Join(mount, path.Clean("/"+group))
		limit, ok := number(root, path.Join(dir, files.limit))
		used, okToo := number(root, path.Join(dir, files.used))
		if ok && okToo && limit < m.total {
			stat, _ := fs.ReadFile(root, path.Join(dir, "memory.stat"))
			for line := range strings.Lines(string(stat)) {
				if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == files.inactive {
					cache, _ := strconv.ParseInt(value, 10, 64)
					used -= cache
				}
			}
			m.available = min(m.available, max(0, limit-used))
			if m.limit == 0 || limit < m.limit {
				m.limit = limit
			}
		}
		if group == "/" || group == "." || group == "" {
			return
		}
		group = path.Dir(group)
	}
}

// number reads a file with one number. ok is false for "max".
func number(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// kilobytes returns a value of /proc/meminfo in bytes.
func kilobytes(meminfo, name string) (int64, bool) {
	value, _ := field(meminfo, name)
	n, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	return n << 10, err == nil && n >= 0 && n < math.MaxInt64>>10
}

func (m hostMemory) String() string {
	text := fmt.Sprintf("%s, %s available", brief.Gibibytes(m.total), brief.Gibibytes(m.available))
	if m.limit > 0 {
		text += fmt.Sprintf(" (the process is limited to %s)", brief.Gibibytes(m.limit))
	}
	return text
}

// fits returns an error if need bytes exceed the available memory. what is the
// subject of the message, advice names the settings that need less.
func (o *deviceOptions) fits(need int, what, advice string) error {
	m, ok := readMemory(os.DirFS("/"))
	if o.gpu() || !ok {
		return nil // a GPU says itself when its memory is too small
	}
	return enough(need, m.available, m.total, what, advice)
}

// trainingFits is fits for training, also on a GPU. Each process on a host needs so much, and on a GPU has it for itself.
func (o *deviceOptions) trainingFits(g group, need int, what, advice string) error {
	if !o.gpu() {
		if n := g.onHost(); n > 1 {
			need, what = n*need, fmt.Sprintf("%s in %d processes on this host", what, n)
		}
		return o.fits(need, what, advice)
	}
	available, total, err := gpuMemory(o)
	if err != nil {
		return err
	}
	return enough(need, available, total, what+" on "+o.name, advice)
}

// enough returns an error if need bytes exceed the available ones.
func enough(need int, available, total int64, what, advice string) error {
	if int64(need) <= available {
		return nil
	}
	return fmt.Errorf("%s needs at least %s of memory, but only %s of %s are available: use %s",
		what, brief.Gibibytes(int64(need)), brief.Gibibytes(available), brief.Gibibytes(total), advice)
}
