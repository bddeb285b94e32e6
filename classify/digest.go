package classify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
)

// Digest returns the SHA-256 of the classes and the list of file names and labels, in
// hexadecimal. It does not depend on the folder, nor on the pixels.
func (d *Dataset) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "classes %q\n", d.Classes)
	for i, label := range d.Labels {
		fmt.Fprintf(h, "%q %d\n", filepath.Base(d.Name(i)), label)
	}
	return hex.EncodeToString(h.Sum(nil))
}
