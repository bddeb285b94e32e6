package server

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"scalenet/detector"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
	"scalenet/server/internal/schedule"
	"scalenet/server/models"
)

// batchKey is equal for images that can form a batch.
type batchKey struct {
	model *models.Model
	size  geom.Size
}

// job is an image in the queue or in a batch.
type job struct {
	query  detector.Query
	found  []roi.Detection
	timing detector.Timing // of its batch
	batch  int             // its size
	waited time.Duration
}

// compute is the worker of the queue. Only it runs detectors. On an asynchronous device it returns when the batch is pending, and
// wait blocks until its detections are known.
func (s *Server) compute(key batchKey, batch []*job) (wait func() error, err error) {
	start := time.Now()
	queries := make([]detector.Query, len(batch))
	for i, j := range batch {
		queries[i] = j.query
	}
	d := key.model.Detector
	run, err := d.Start(queries...)
	if err != nil {
		return nil, s.computed(key, batch, start, err)
	}
	wait = func() error {
		all, t, err := run.Wait()
		for i := range all {
			batch[i].found, batch[i].timing, batch[i].batch = all[i], t, len(batch)
		}
		return s.computed(key, batch, start, err)
	}
	if d.MaxPending() > 0 {
		return wait, nil
	}
	return nil, wait()
}

// computed records the result of a batch.
func (s *Server) computed(key batchKey, batch []*job, start time.Time, err error) error {
	s.metrics.computed(key.model.Name, len(batch), time.Since(start), err)
	if err != nil {
		s.batchFailed(key.model)
		return err
	}
	s.failures.succeeded()
	return nil
}

// timing is the time of an image by phase. Inference is that of its batch.
type timing struct {
	queue, decode time.Duration
	detector.Timing
}

// found has the detections of one image.
type found struct {
	name       string
	data       []byte         // of the file; nil if the image came as pixels
	image      *imaging.Image // may be reduced
	size       geom.Size      // of the whole image
	detections []roi.Detection
	timing     timing
	err        error
}

type ticket = schedule.Ticket[batchKey, *job]

// detect queues uploads and returns their detections. err is an error of the whole
// request, such as its deadline. Errors of single images are in the results.
func (s *Server) detect(ctx context.Context, l *lease, m *models.Model, uploads []upload, q query) ([]found, error) {
	all, err := s.detectEach(ctx, l, m, uploads, q)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// detectEach is detect with the deadline as an error of each image that it leaves over.
func (s *Server) detectEach(ctx context.Context, l *lease, m *models.Model, uploads []upload, q query) ([]found, error) {
	if err := s.fetchAll(ctx, l, uploads); err != nil {
		return nil, err
	}
	runs, err := s.runs(uploads, q)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, n := range runs {
		total += n
	}
	tickets, err := s.queue.Reserve(total)
	if err != nil {
		return nil, err
	}
	all := make([]found, len(uploads))
	var group errgroup.Group
	for i, u := range uploads {
		own := tickets[:runs[i]]
		tickets = tickets[runs[i]:]
		group.Go(func() error {
			defer func() {
				for _, t := range own {
					t.Release()
				}
			}()
			all[i] = s.detectOne(ctx, l, m, own, u, q)
			return nil
		})
	}
	group.Wait()
	return all, nil
}

// detectSingle is detect for one upload.
func (s *Server) detectSingle(ctx context.Context, l *lease, m *models.Model, u upload, q query) (found, error) {
	all, err := s.detect(ctx, l, m, []upload{u}, q)
	if err != nil {
		return found{}, err
	}
	return all[0], all[0].err
}

func (s *Server) detectOne(ctx context.Context, l *lease, m *models.Model, tickets []*ticket, u upload, q query) (f found) {
	f = found{name: u.name, data: u.data, image: u.image}
	defer func() { s.metrics.image(m.Name, f) }()
	start := time.Now()
	tiled := q.tiles.Side > 0 && len(tickets) > 1
	switch {
	case f.image != nil:
		f.size = geom.Size{W: f.image.W, H: f.image.H}
	case tiled:
		f.image, f.size, f.err = s.decode(ctx, l, u.data, nil)
	default:
		f.image, f.size, f.err = s.decode(ctx, l, u.data, m.Detector.Model().Needed(q.run()))
	}
	if f.err != nil {
		return f
	}
	f.timing.decode = time.Since(start)
	if tiled {
		f.err = s.detectTiles(ctx, l, m, tickets, &f, q)
		return f
	}
	j := &job{query: detector.Query{Image: f.image, Settings: q.run(), Original: f.size}}
	f.err = s.do(ctx, l, m, tickets[0], j)
	if f.timing.queue = j.waited; f.err == nil {
		f.detections, f.timing.Timing = q.selection.Keep(j.found), j.timing
	}
	return f
}

// do runs a job in the queue.
func (s *Server) do(ctx context.Context, l *lease, m *models.Model, t *ticket, j *job) (err error) {
	m.Use()
	l.hold()
	j.waited, err = t.Do(ctx, batchKey{m, m.Detector.Model().PaddedSize(j.query.Size(), j.query.Settings)}, j, func() { m.Release(); l.end() })
	return err
}

// decode checks the image header against the limits, reserves memory, and waits for
// a decoding slot, so that decoding does not take the CPU from inference.
func (s *Server) decode(ctx context.Context, l *lease, data []byte, needed imaging.Needed) (m *imaging.Image, size geom.Size, err error) {
	h, err := imaging.Inspect(data, s.config.Limits.Image)
	if err != nil {
		return nil, size, err
	}
	if !l.take(2 * 3 * int64(h.Size.W) * int64(h.Size.H)) { // two copies while the EXIF orientation is applied or boxes are drawn
		return nil, size, errMemory
	}
	if err := s.decoders.Acquire(ctx, 1); err != nil {
		return nil, size, err
	}
	defer s.decoders.Release(1)
	return imaging.DecodeReduced(data, s.config.Limits.Image, needed)
}

// leased wraps a handler of images: it sets the deadline, makes the memory
// reservation and responds to the error. The context ends when the client has
// disconnected. Unlike that of net/http, it does not end when the client has only
// closed its sending half.
func (s *Server) leased(handle func(ctx context.Context, c *gin.Context, l *lease) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		closed := c.Request.Context()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(closed), s.config.Timeout)
		defer cancel()
		stop := context.AfterFunc(closed, func() {
			if connOf(closed).disconnected(ctx) {
				cancel()
			}
		})
		defer stop()
		l := s.memory.lease()
		defer l.end()
		if err := handle(ctx, c, l); err != nil {
			s.fail(c, err)
		}
	}
}

// handleDetect handles POST /detect.
func (s *Server) handleDetect(ctx context.Context, c *gin.Context, l *lease) error {
	f, err := s.readForm(c, l, s.config.Limits.Images)
	if err != nil {
		return err
	}
	format, err := responseFormat(f, c.GetHeader("Accept"))
	if err != nil {
		return err
	}
	m, err := s.model(f.values.Get("model"))
	if err != nil {
		return err
	}
	defer m.Release()
	q, err := parseQuery(f.values, m, detectParameters, s.config.Threshold)
	if err != nil {
		return err
	}
	if !f.several {
		one, err := s.detectSingle(ctx, l, m, f.uploads[0], q)
		if err != nil {
			return err
		}
		s.respond(c, format, m, []found{one}, false)
		return nil
	}
	all, err := s.detect(ctx, l, m, f.uploads, q)
	if err != nil {
		return err
	}
	s.respond(c, format, m, all, true)
	return nil
}

// readForm reads and parses the body.
func (s *Server) readForm(c *gin.Context, l *lease, images int) (form, error) {
	body, err := s.readBody(c, l)
	if err != nil {
		return form{}, err
	}
	if !l.take(int64(len(body))) { // its parts are copied
		return form{}, errMemory
	}
	query, err := addressQuery(c.Request.URL.RawQuery)
	if err != nil {
		return form{}, err
	}
	return parseForm(c.GetHeader("Content-Type"), body, query, images)
}

// model returns a model by name. The caller must release it.
func (s *Server) model(name string) (*models.Model, error) {
	m := s.config.Models.Acquire(name)
	if m == nil {
		return nil, &Error{Status: http.StatusNotFound, Code: "model_not_found", Message: "there is no model \"" + shown(name) + "\""}
	}
	return m, nil
}
