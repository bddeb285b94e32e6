package coco

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadable(t *testing.T) {
	d, err := Open("../detector/testdata/images/instances.json", Options{})
	require.NoError(t, err)
	dir := t.TempDir()
	names := make([]string, len(d.Images))
	for i := range d.Images {
		names[i] = filepath.Base(d.ImagePath(i))
		data, err := os.ReadFile(d.ImagePath(i))
		require.NoError(t, err)
		if i == 1 {
			data = data[:len(data)/2]
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, names[i]), data, 0o644))
	}
	d = d.Renamed(names)
	d.ImagesDir = dir
	d.Images[2].Width++ // not the size of the file
	d.Images[3].Width = 0
	var told []string
	last := 0
	kept, err := d.Readable(t.Context(), func(err error) { told = append(told, err.Error()) }, func(done int) { last = max(last, done) })
	require.NoError(t, err)
	require.Len(t, told, 2)
	require.Contains(t, told[0], "images[1]: "+filepath.Join(dir, names[1]))
	require.Contains(t, told[1], "its annotation says")
	require.Equal(t, len(d.Images), last)
	require.Equal(t, []Image{d.Images[0], d.Images[3]}, kept.Images)
	require.Len(t, kept.Annotations, len(d.Objects(0))+len(d.Objects(3)))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Readable(ctx, nil, nil)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, os.RemoveAll(dir))
	_, err = d.Readable(t.Context(), func(error) {}, nil)
	require.ErrorContains(t, err, "none of its 4 images can be read, first: images[0]: ")
}
