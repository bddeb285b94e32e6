package classify

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine/ref"
	"scalenet/imaging"
)

// What a caller has made wrong is an error, or a panic that says what is nil.
func TestClassifierMisuse(t *testing.T) {
	data, _ := openSmall(t, 10, 1)
	m, err := New(small(t), data.Classes, 1)
	require.NoError(t, err)
	dev := ref.New(ref.Options{})
	require.PanicsWithValue(t, "classify: NewClassifier: the model is nil", func() { NewClassifier(nil, dev, Options{}) })
	require.PanicsWithValue(t, "classify: NewClassifier: the device is nil", func() { NewClassifier(m, nil, Options{}) })
	c := NewClassifier(m, dev, Options{})
	for want, image := range map[string]*imaging.Image{
		"classify: the image is nil": nil,
		"classify: an image of 100x100 pixels: Pix has 0 bytes, want 3 for each pixel": {W: 100, H: 100},
		"classify: an image of 0x0 pixels: sides must be at least 1":                   {},
	} {
		_, err := c.Classify(image)
		require.EqualError(t, err, want)
	}
	_, err = c.Classify(imaging.New(32, 32))
	require.NoError(t, err)
	c.Close()
	_, err = c.Classify(imaging.New(32, 32))
	require.EqualError(t, err, "classify: used after Close")
	c.Close()
}
