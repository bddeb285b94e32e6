package view

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
)

// The pages of a training are an epoch's images, without gaps, and each box is drawn where the loader has it.
func TestTraining(t *testing.T) {
	d := data(t, 5)
	cfg := coco.LoaderConfig{Batch: 2, Shorter: []int{120}, Longest: 160, Divisor: 160, Repeat: true}
	s, err := NewTraining(d, cfg, 0, Options{Rows: 1, Columns: 4, Width: 160})
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, 2, s.Len(), "six images, of which one fills the last batch")
	for page, columns := range []int{4, 2} {
		sheet, failed, first, err := s.Page(t.Context(), page)
		require.NoError(t, err)
		require.NoError(t, first)
		require.Zero(t, failed)
		require.Equal(t, columns*(160+margin)+margin, sheet.W)
	}
	sheet, _, _, err := s.Page(t.Context(), 1) // image 4: the image has 160x120 pixels of 160x160, in a cell of 160x120
	require.NoError(t, err)
	left := margin + 20
	require.Equal(t, imaging.ClassColor(2), sheet.At(left+20*2*3/4, margin+30*2*3/4), "the box's left side, below its label")
	require.Equal(t, imaging.ClassColor(2), sheet.At(left+60*2*3/4-1, margin+45*2*3/4-1))
	fill := imaging.ImageNet().MeanColour()
	below := sheet.Pix[((margin+100)*sheet.W+left+5)*3:][:3]
	require.Equal(t, fill[:], below, "padding is the mean colour")

	_, _, _, err = s.Page(t.Context(), 2)
	require.ErrorContains(t, err, "page 2: only 2 pages")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, err = s.Page(ended, 0)
	require.ErrorIs(t, err, context.Canceled)
	_, err = NewTraining(d, cfg, -1, Options{})
	require.ErrorContains(t, err, "epoch -1")
	_, err = NewTraining(d, cfg, 0, Options{Rows: -1})
	require.ErrorContains(t, err, "rows -1: want 1 to 100")
	_, err = NewTraining(d, coco.LoaderConfig{}, 0, Options{})
	require.ErrorContains(t, err, "loader: Batch is 0")
}

// Captions and legends of mosaics name more than one picture.
func TestTrainingCaptions(t *testing.T) {
	s, err := NewTraining(data(t, 5), coco.LoaderConfig{Batch: 5, Shorter: []int{60}, Longest: 80, Mosaic: 1, Raw: true}, 3, Options{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.loader.Seek(3, 0))
	b, err := s.loader.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, b.Samples, 5)
	for i := range b.Samples {
		p := s.picture(b, i)
		require.Regexp(t, `^\d+ box(es)?  0\d\.png and 3 others$`, p.caption)
		m, err := p.draw(400, 300)
		require.NoError(t, err)
		require.LessOrEqual(t, m.W, 400)
		require.LessOrEqual(t, m.H, 300)
	}
}
