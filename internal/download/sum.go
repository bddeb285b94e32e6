package download

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// MD5 begins an expected sum that is one: MD5 + "b275ba" are the first digits of an MD5. It finds damage; it is no protection against forgery.
const MD5 = "md5:"

// SumError is the error of a file with another sum than expected. Want may begin with MD5.
type SumError struct{ Of, Have, Want string }

func (e *SumError) Error() string {
	kind, want := "SHA-256", e.Want
	if digits, isMD5 := strings.CutPrefix(want, MD5); isMD5 {
		kind, want = "MD5", digits
	}
	if len(want) < len(e.Have) {
		want = "one that begins with " + want
	}
	return fmt.Sprintf("%s: the %s is %s, want %s", e.Of, kind, e.Have, want)
}

// CheckSum returns the SHA-256 of a file in hexadecimal digits. It returns a SumError if they do not begin with want, or, if want begins with MD5, if the
// file's MD5 does not begin with the rest.
func CheckSum(path, want string) (sum string, err error) {
	if err := regular(path); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, short := sha256.New(), md5.New()
	if _, err := io.CopyBuffer(io.MultiWriter(h, short), struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	sum = hex.EncodeToString(h.Sum(nil))
	have, digits := sum, want
	if rest, isMD5 := strings.CutPrefix(want, MD5); isMD5 {
		have, digits = hex.EncodeToString(short.Sum(nil)), rest
	}
	if !strings.HasPrefix(have, strings.ToLower(digits)) {
		return "", &SumError{path, have, want}
	}
	return sum, nil
}

// regular returns an error if path is no regular file. A device has no end, and to open a pipe waits for its writer.
func regular(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: is a folder, want a file", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: is not a regular file", path)
	}
	return nil
}
