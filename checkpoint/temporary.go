package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// temporaryMark stands between the name of a file, behind a dot, and a number in
// the names of its temporary files.
const temporaryMark = ".tmp-"

// maxWriters bounds how many temporary files of one name live at a time.
const maxWriters = 1000

// createTemporary makes a file or folder beside path, with a lock on it for as
// long as it is open: a process that was killed loses its lock, so the next one
// sees that nobody writes there any more. Those that were left behind are removed.
func createTemporary(path string, create func(name string) (*os.File, error)) (*os.File, error) {
	if _, err := os.Lstat(path); err == nil {
		removeAbandoned(path)
	}
	prefix := temporaryPrefix(path)
	for i := 0; i < maxWriters; i++ {
		name := prefix + fmt.Sprint(i)
		removeIfAbandoned(name)
		f, err := create(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if lock(f) && isAt(f, name) {
			return f, nil
		}
		f.Close() // another process took it for abandoned in between
	}
	return nil, fmt.Errorf("%d temporary files of it are being written", maxWriters)
}

func temporaryPrefix(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+temporaryMark)
}

// removeAbandoned removes all temporary files and folders of path that nobody
// writes. What cannot be removed stays: it is in nobody's way.
func removeAbandoned(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+filepath.Base(path)+temporaryMark) {
			removeIfAbandoned(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// removeIfAbandoned removes a file or folder that no process has a lock on,
// holding the lock meanwhile. Links and what is not ours to open are no temporary
// files of ours.
func removeIfAbandoned(name string) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && isAt(f, name) {
		os.RemoveAll(name)
	}
}

// lock takes the lock on a file. On a file system without locks it holds none,
// and nobody else can take one either.
func lock(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return err == nil || !errors.Is(err, unix.EWOULDBLOCK)
}

// isAt tells whether a file that was opened still has its name.
func isAt(f *os.File, name string) bool {
	have, err1 := f.Stat()
	want, err2 := os.Lstat(name)
	return err1 == nil && err2 == nil && os.SameFile(have, want)
}

// TemporaryFolder makes a folder beside path that is to get its name when it is
// complete. While it is not closed no other process takes it for abandoned.
// Folders that killed processes left there are removed.
func TemporaryFolder(path string) (dir string, close func() error, err error) {
	f, err := createTemporary(path, func(name string) (*os.File, error) {
		if err := os.Mkdir(name, 0o755); err != nil {
			return nil, err
		}
		return os.Open(name)
	})
	if err != nil {
		return "", nil, err
	}
	return f.Name(), f.Close, nil
}
