package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// SumError is the error of a file with another SHA-256 than expected.
type SumError struct{ Of, Have, Want string }

func (e *SumError) Error() string {
	want := e.Want
	if len(want) < hex.EncodedLen(sha256.Size) {
		want = "one that begins with " + want
	}
	return fmt.Sprintf("%s: the SHA-256 is %s, want %s", e.Of, e.Have, want)
}

// CheckSum returns the SHA-256 of a file in hexadecimal digits. It returns a SumError if they do not begin with want.
func CheckSum(path, want string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	sum = hex.EncodeToString(h.Sum(nil))
	if !strings.HasPrefix(sum, strings.ToLower(want)) {
		return "", &SumError{path, sum, want}
	}
	return sum, nil
}
