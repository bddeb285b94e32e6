package checkpoint

import (
	"fmt"
	"maps"
	"path/filepath"
)

// SetMetadata sets one entry of a file's metadata. The file, or the file that a link leads to, is replaced atomically
// ([WriteAtomic]). Tensors and all other entries keep their bits; the digest is that of the new content.
//
// The file must have the content of the given digest. Otherwise it was replaced since it was read, and is not changed.
func SetMetadata(path, key, value string, content Digest, options ...Option) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	r, err := Open(real, options...)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := r.File()
	if err != nil {
		return err
	}
	if now, err := r.Digest(); err != nil {
		return err
	} else if now != content {
		return fmt.Errorf("%s: the file has changed since it was read, and is left as it is", path)
	}
	if f.Metadata = maps.Clone(f.Metadata); f.Metadata == nil {
		f.Metadata = map[string]string{}
	}
	f.Metadata[key] = value
	return Save(real, f)
}
