package detector

import (
	"context"
	"errors"
	"fmt"
	"image"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/pending"
	"scalenet/roi"
	"scalenet/tile"
)

// TiledRun is a call of StartTiled whose detections Wait returns.
type TiledRun struct {
	options tile.Options
	queue   pending.Queue // of batches
	found   TiledDetections
	single  []roi.Detection // of a picture with one tile
	timing  Timing
	runs    int
}

// StartTiled begins detection in the tiles of a picture and, unless it has only one tile, in the whole picture. A tile goes through the network as a picture
// of its size would: the settings' Shorter and Longest apply to it. A batch has at most batch tiles.
//
// A picture that is read from a file in strips is read here, and its tiles are detected while it is read. The whole picture is reduced while it is read, by
// the largest integer factor that keeps it at least as large as the model input. The picture can be used only once.
//
// As with Start, at most MaxPending batches are pending when StartTiled returns. Errors name the tile.
func (d *deviceModel) StartTiled(ctx context.Context, picture *imaging.Strips, s Settings, o tile.Options, batch int) (*TiledRun, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if picture == nil {
		return nil, errors.New("detector: the picture is nil")
	}
	if !picture.Streamed() {
		if err := picture.Whole().Check(); err != nil {
			return nil, fmt.Errorf("detector: %w", err)
		}
	}
	r := &TiledRun{options: o}
	size := picture.Size()
	tiles, network := o.Slices(size), d.model.resized(size, s)
	picture.Reduce(max(1, min(size.W/network.W, size.H/network.H)))
	batches := tiledBatches{deviceModel: d, run: r, settings: s, left: len(tiles), most: max(1, batch)}
	for part, err := range picture.Parts(tiles) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = batches.add(part.Image, tiles[part.Index])
		}
		if err != nil {
			return nil, r.abandon(err)
		}
	}
	if len(tiles) > 1 {
		batches.left = 1
		if err := batches.add(picture.Whole(), image.Rect(0, 0, size.W, size.H)); err != nil {
			return nil, r.abandon(err)
		}
	}
	return r, nil
}

// Wait returns the merged detections in descending score, in pixels of the picture. Their number is not limited: Settings.Detections.PerImage is the limit
// of a tile. In a picture with one tile they are those of Detect.
func (r *TiledRun) Wait() ([]roi.Detection, Timing, error) {
	if err := r.queue.FinishAllBut(0); err != nil {
		return nil, r.timing, r.abandon(err)
	}
	if r.runs == 1 {
		return r.single, r.timing, nil
	}
	return r.found.Merged(r.options.Merge), r.timing, nil
}

// Runs returns the number of network inputs that were started.
func (r *TiledRun) Runs() int { return r.runs }

// abandon waits for what is pending and returns err.
func (r *TiledRun) abandon(err error) error {
	for r.queue.Len() > 0 {
		_ = r.queue.FinishAllBut(r.queue.Len() - 1) // the first error counts
	}
	return err
}

// tiledBatches makes batches of tiles.
type tiledBatches struct {
	*deviceModel
	run      *TiledRun
	settings Settings
	left     int // tiles that are not in a started batch
	most     int
	queries  []Query
	places   []image.Rectangle
}

// add adds a tile, and starts the batch if it is full. The sizes of batches differ by at most one tile, because each size needs a plan of its own.
func (b *tiledBatches) add(m *imaging.Image, place image.Rectangle) error {
	b.queries, b.places = append(b.queries, Query{Image: m, Settings: b.settings}), append(b.places, place)
	batches := (b.left + b.most - 1) / b.most
	if len(b.queries) < (b.left+batches-1)/batches {
		return nil
	}
	run, err := b.Start(b.queries...)
	if err != nil {
		return fmt.Errorf("tile at %v: %w", b.places[0].Min, err)
	}
	r, places, queries := b.run, b.places, b.queries
	b.left, b.queries, b.places, r.runs = b.left-len(queries), nil, nil, r.runs+len(queries)
	r.queue.Add(func() error {
		found, t, err := run.Wait()
		if err != nil {
			return fmt.Errorf("tile at %v: %w", places[0].Min, err)
		}
		r.timing.add(t)
		r.single = found[0]
		for i, list := range found {
			r.found.Add(list, geom.Size{W: queries[i].Image.W, H: queries[i].Image.H}, places[i])
		}
		return nil
	})
	return r.queue.FinishAllBut(b.MaxPending())
}

func (t *Timing) add(o Timing) {
	t.Preprocess += o.Preprocess
	t.Inference += o.Inference
	t.Postprocess += o.Postprocess
}

// TiledDetections collects the detections in the tiles of a picture. The zero value has none.
type TiledDetections struct{ objects []tile.Object }

// Add adds detections in an image of the given size, which shows the given part of the picture.
func (a *TiledDetections) Add(found []roi.Detection, size geom.Size, place image.Rectangle) {
	sx, sy := float32(place.Dx())/float32(size.W), float32(place.Dy())/float32(size.H)
	x, y := float32(place.Min.X), float32(place.Min.Y)
	for _, f := range found {
		b := f.Box.Scale(sx, sy)
		f.Box = geom.Box{X1: b.X1 + x, Y1: b.Y1 + y, X2: b.X2 + x, Y2: b.Y2 + y}
		a.objects = append(a.objects, tile.Object(f))
	}
}

// Merged returns the merged detections in descending score.
func (a *TiledDetections) Merged(m tile.Merge) []roi.Detection {
	merged := []roi.Detection{}
	for _, x := range m.Of(a.objects) {
		merged = append(merged, roi.Detection(x))
	}
	return merged
}

// TileQueries returns the queries of a picture in memory and the parts of it that they show: its tiles and, unless it has only one, the whole picture.
func TileQueries(m *imaging.Image, s Settings, o tile.Options) (queries []Query, places []image.Rectangle) {
	places = o.Slices(geom.Size{W: m.W, H: m.H})
	for part := range m.Strips().Parts(places) { // a picture in memory gives no error
		queries = append(queries, Query{Image: part.Image, Settings: s})
	}
	if len(places) > 1 {
		queries, places = append(queries, Query{Image: m, Settings: s}), append(places, image.Rect(0, 0, m.W, m.H))
	}
	return queries, places
}
