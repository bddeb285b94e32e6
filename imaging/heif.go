package imaging

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"scalenet/geom"
)

// ErrNoHEIF is the error of HEIC and AVIF images if no program that decodes them is installed.
var ErrNoHEIF = fmt.Errorf("%w: HEIC and AVIF need heif-convert: apt-get install libheif-examples", ErrUnsupported)

// IsHEIF reports whether data begins as a HEIC or AVIF file.
func IsHEIF(data []byte) bool {
	if len(data) < 12 || string(data[4:8]) != "ftyp" {
		return false
	}
	return slices.Contains([]string{"heic", "heix", "heim", "heis", "hevc", "mif1", "msf1", "avif", "avis"}, string(data[8:12]))
}

// SizeHEIF returns the size of the largest image that a HEIC or AVIF file declares, in the order of its bytes: rotations are not applied.
func SizeHEIF(data []byte, limits Limits) (geom.Size, error) {
	limits = limits.orDefault()
	if len(data) > limits.Bytes {
		return geom.Size{}, fmt.Errorf("%w: %d bytes, %d are allowed", ErrTooLarge, len(data), limits.Bytes)
	}
	var size geom.Size
	for rest := data; ; { // ISO/IEC 23008-12, 6.5.3: a property of each image
		_, after, ok := bytes.Cut(rest, []byte("ispe"))
		if !ok || len(after) < 12 {
			break
		}
		w, h := int(binary.BigEndian.Uint32(after[4:])), int(binary.BigEndian.Uint32(after[8:]))
		if binary.BigEndian.Uint32(after) == 0 && w*h > size.W*size.H {
			size = geom.Size{W: w, H: h}
		}
		rest = after
	}
	if size.W == 0 {
		return size, fmt.Errorf("HEIF: %w: no size in it", ErrCorrupt)
	}
	if err := limits.Check(size.W, size.H); err != nil {
		return size, fmt.Errorf("HEIF: %w", err)
	}
	return size, nil
}

// heifTimeout is far above what the largest image takes.
const heifTimeout = 2 * time.Minute

// DecodeHEIF returns the main image of a HEIC or AVIF file, with its rotation applied. A child process decodes it: heif-convert of libheif, or heif-dec, as it is
// called since 1.18. So what a broken file does to the decoder stays there.
func DecodeHEIF(ctx context.Context, data []byte, limits Limits) (*Image, error) {
	if _, err := SizeHEIF(data, limits); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("heif-convert")
	if err != nil {
		if program, err = exec.LookPath("heif-dec"); err != nil {
			return nil, ErrNoHEIF
		}
	}
	dir, err := os.MkdirTemp("", "scalenet-heif-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in := filepath.Join(dir, "in.heif")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, heifTimeout)
	defer cancel()
	said, err := exec.CommandContext(ctx, program, in, filepath.Join(dir, "out.png")).CombinedOutput()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	found, globErr := filepath.Glob(filepath.Join(dir, "out*.png")) // out-1.png and so on of several images
	if err = errors.Join(err, globErr); err != nil || len(found) == 0 {
		text := strings.Join(strings.Fields(strings.ReplaceAll(string(said), in, "")), " ")
		return nil, fmt.Errorf("HEIF: %w: %s", ErrCorrupt, text[:min(len(text), 200)])
	}
	png, err := os.ReadFile(found[0])
	if err != nil {
		return nil, err
	}
	return decodeUpright(png, limits)
}

// decodeUpright decodes a PNG without its orientation, which libheif has applied.
func decodeUpright(png []byte, limits Limits) (*Image, error) {
	limits = limits.orDefault()
	limits.Bytes = max(limits.Bytes, len(png))
	h, err := inspectPNG(png, limits)
	if err != nil {
		return nil, err
	}
	return decodePNG(png, h)
}
