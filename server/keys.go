package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// maxKeyFileBytes is the maximum size of a key file in bytes.
const maxKeyFileBytes = 1 << 20

// ReadKeys reads a file with one API key per line. Empty lines and lines that
// begin with # are skipped. The error names the line, but never a key.
func ReadKeys(file io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFileBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxKeyFileBytes)
	}
	var all []string
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) {
		number++
		key := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if text := strings.TrimSpace(key); text == "" || text[0] == '#' {
			continue
		}
		if err := checkKeyFormat(key); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, key)
	}
	if len(all) == 0 {
		return nil, errors.New("no API key in it")
	}
	return all, nil
}

// SplitKeys parses API keys separated by commas or line breaks. The error names the
// number of the key.
func SplitKeys(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	all := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(",\n\r", r) })
	for i, key := range all {
		if err := checkKeyFormat(key); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no API key in it")
	}
	return all, nil
}

// checkKeyFormat returns an error if clients cannot send a key in a header.
func checkKeyFormat(key string) error {
	switch {
	case key == "":
		return errors.New("an API key is empty")
	case strings.TrimSpace(key) != key:
		return errors.New("an API key has blanks around it")
	case strings.ContainsAny(key, " \t"):
		return errors.New("an API key has a blank in it; a comment has a line of its own, which begins with #")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return errors.New("an API key has a character that is not printable ASCII")
	}
	return nil
}

// authorized refuses requests without a key.
func (s *Server) authorized(c *gin.Context) {
	if err := s.checkKey(c, ""); err != nil {
		s.fail(c, err)
	}
}

// checkKey compares the keys of a request with all API keys, in constant time. The
// keys are those of headers, and those given by an API that sends keys elsewhere.
func (s *Server) checkKey(c *gin.Context, given string) error {
	sent := []string{given, c.GetHeader("X-API-Key")}
	if scheme, bearer, _ := strings.Cut(c.GetHeader("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		sent = append(sent, strings.TrimLeft(bearer, " "))
	}
	if len(s.keys) == 0 || slices.ContainsFunc(sent, s.keys.have) {
		return nil
	}
	return &Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "an API key is needed, as Authorization: Bearer KEY or X-API-Key: KEY"}
}

// keys are the SHA-256 digests of the API keys.
type keys [][sha256.Size]byte

func hashKeys(plain []string) (k keys) {
	for _, p := range plain {
		k = append(k, sha256.Sum256([]byte(p)))
	}
	return k
}

func (k keys) have(key string) bool {
	sum, found := sha256.Sum256([]byte(key)), 0
	for _, known := range k {
		found |= subtle.ConstantTimeCompare(sum[:], known[:])
	}
	return found == 1
}
