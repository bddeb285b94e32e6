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

// temporaryMark is a part of the names of temporary files: a dot, the name of the file,
// the mark, and a number.
const temporaryMark = ".tmp-"

// maxWriters is the maximum number of temporary files of one file at a time.
const maxWriters = 1000

// createTemporary creates a temporary file or folder next to path, and locks it while it
// is open. A killed process loses its locks, so later calls recognise its temporary files
// as abandoned and remove them.
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
		f.Close() // another process has removed it before it was locked
	}
	return nil, fmt.Errorf("%d temporary files of it are being written", maxWriters)
}

func temporaryPrefix(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+temporaryMark)
}

// removeAbandoned removes the abandoned temporary files and folders of path. It ignores
// errors, because they do not affect the new file.
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

// removeIfAbandoned removes a file or folder that no process has locked, and holds the
// lock meanwhile. It skips links and files that cannot be opened, which are not temporary
// files of this package.
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

// lock locks a file. It returns true without a lock on a file system without locks.
func lock(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return err == nil || !errors.Is(err, unix.EWOULDBLOCK)
}

// isAt reports whether an open file still has its name.
func isAt(f *os.File, name string) bool {
	have, err1 := f.Stat()
	want, err2 := os.Lstat(name)
	return err1 == nil && err2 == nil && os.SameFile(have, want)
}

// TemporaryFolder creates a folder next to path. The caller renames it to path when it is
// complete. Until close is called, other processes do not remove it. Temporary folders of
// killed processes are removed.
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
