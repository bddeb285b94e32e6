package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"scalenet/detector"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/server/models"
	"scalenet/tile"
)

// parseTiles parses the parameters of tiles.
func parseTiles(values url.Values) (o tile.Options, err error) {
	side, overlap := values.Get("tile"), values.Get("overlap")
	if side == "" {
		if overlap != "" {
			return o, badRequest("overlap = %q: has no effect without tile", shown(overlap))
		}
		return o, nil
	}
	o = tile.Options{Overlap: tile.DefaultOverlap, Merge: tile.DefaultMerge()}
	if o.Side, err = strconv.Atoi(side); err != nil {
		return o, badRequest("tile = %q: want %d to %d pixels", shown(side), tile.MinSide, tile.MaxSide)
	}
	if overlap != "" {
		if o.Overlap, err = strconv.ParseFloat(overlap, 64); err != nil {
			return o, badRequest("overlap = %q: want a number from 0 to %v", shown(overlap), tile.MaxOverlap)
		}
	}
	if err := o.Check(); err != nil {
		return o, badRequest("%v", err)
	}
	return o, nil
}

// runs returns the number of network runs that each upload needs. An upload that cannot be read counts as one; decoding it gives the error.
func (s *Server) runs(uploads []upload, q query) ([]int, error) {
	counts, total := make([]int, len(uploads)), 0
	for i, u := range uploads {
		counts[i] = 1
		if q.tiles.Side > 0 {
			if size, ok := s.sizeOf(u); ok {
				counts[i] = q.tiles.Runs(size)
			}
		}
		total += counts[i]
	}
	if most := s.config.Limits.tiles(s.config.Queue.Places); q.tiles.Side > 0 && total > most {
		return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "too_many_tiles", Message: fmt.Sprintf(
			"tile = %d needs %d runs of the network (tiles and whole images) in this request, %d are allowed: use larger tiles or less overlap", q.tiles.Side, total, most)}
	}
	return counts, nil
}

func (s *Server) sizeOf(u upload) (geom.Size, bool) {
	if u.image != nil {
		return geom.Size{W: u.image.W, H: u.image.H}, true
	}
	h, err := imaging.Inspect(u.data, s.config.Limits.Image)
	return h.Size, err == nil
}

// detectTiles runs the tiles of an image, each as a job of its own, so that they form batches and other requests take turns with them.
func (s *Server) detectTiles(ctx context.Context, l *lease, m *models.Model, tickets []*ticket, f *found, q query) error {
	var pixels int64
	for _, r := range q.tiles.Slices(f.size) {
		pixels += int64(r.Dx()) * int64(r.Dy())
	}
	if !l.take(3 * pixels) {
		return errMemory
	}
	queries, places := detector.TileQueries(f.image, q.run(), q.tiles)
	jobs := make([]*job, len(queries))
	var group errgroup.Group
	for i := range queries {
		jobs[i] = &job{query: queries[i]}
		group.Go(func() error { return s.do(ctx, l, m, tickets[i], jobs[i]) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var all detector.TiledDetections
	for i, j := range jobs {
		all.Add(j.found, geom.Size{W: j.query.Image.W, H: j.query.Image.H}, places[i])
		if i == 0 || j.waited < f.timing.queue {
			f.timing.queue = j.waited // until the first tile; then some wait for others
		}
		f.timing.add(j.timing, j.batch)
	}
	f.detections = q.selection.Keep(all.Merged(q.tiles.Merge))
	return nil
}

// add adds the time of one of the n images of a batch.
func (t *timing) add(batch detector.Timing, n int) {
	parts := time.Duration(max(1, n))
	t.Preprocess += batch.Preprocess / parts
	t.Inference += batch.Inference / parts
	t.Postprocess += batch.Postprocess / parts
}
