package checkpoint

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWriteAtomicKilled is run by the test below in a process of its own, which
// ends in the middle of a write.
func TestWriteAtomicKilled(t *testing.T) {
	path := os.Getenv("SCALENET_TEST_KILLED")
	if path == "" {
		t.Skip("for a process of its own")
	}
	WriteAtomic(path, func(w io.Writer) error {
		w.Write(make([]byte, 2<<20)) // more than is buffered
		os.Exit(7)
		return nil
	})
}

func TestTemporaryFilesOfKilledProcessesGo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a[1].bin") // no pattern
	left := func() (names []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	kill := func() {
		c := exec.Command(os.Args[0], "-test.run=TestWriteAtomicKilled")
		c.Env = append(os.Environ(), "SCALENET_TEST_KILLED="+path)
		require.Error(t, c.Run())
	}
	kill()
	require.Equal(t, []string{".a[1].bin.tmp-0"}, left(), "what a kill leaves")
	kill()
	require.Len(t, left(), 1, "not more than one")
	write := func() {
		require.NoError(t, WriteAtomic(path, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }))
	}
	write()
	require.Equal(t, []string{"a[1].bin"}, left())

	// Those of earlier versions have other numbers; those of others stay.
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".a[1].bin.tmp-123456"), []byte("old"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".a1.bin.tmp-1"), []byte("another's"), 0o600))
	require.NoError(t, os.Symlink(path, filepath.Join(dir, ".a[1].bin.tmp-0")))
	write()
	require.Equal(t, []string{".a1.bin.tmp-1", ".a[1].bin.tmp-0", "a[1].bin"}, left())
}

func TestLiveWritersAreLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var writers sync.WaitGroup
	for i := range 20 {
		writers.Go(func() {
			for range 20 {
				if err := WriteAtomic(path, func(w io.Writer) error { _, err := fmt.Fprint(w, i); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestTemporaryFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(filepath.Join(filepath.Dir(path), ".data.tmp-0", "images"), 0o755))
	dir, release, err := TemporaryFolder(path)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "what was left there is gone")
	other, releaseOther, err := TemporaryFolder(path)
	require.NoError(t, err)
	require.NotEqual(t, dir, other, "the first is in use")
	require.NoError(t, releaseOther())
	require.NoError(t, release())
}
