package classify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
)

// Digest is the SHA-256 of the list of images, labels and classes, in
// hexadecimal. It does not depend on where the data set lies, nor on what is in
// the images.
func (d *Dataset) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "classes %q\n", d.Classes)
	for i, label := range d.Labels {
		fmt.Fprintf(h, "%q %d\n", filepath.Base(d.Name(i)), label)
	}
	return hex.EncodeToString(h.Sum(nil))
}
