// Package track follows objects through the frames of a video, and counts those that cross a line or stand in a zone.
//
// [Tracker] is ByteTrack (Zhang et al., ECCV 2022). A Kalman filter per track predicts its box in the next frame. Detections of a high score are assigned
// to the predictions first, then those of a low score to the tracks that are left, because an occluded object has a low score. A detection without a track
// begins one. The track is confirmed, and has its id in the results, when the next frame has the object too. Tracks without a detection are lost, and
// are found again within [Config].Buffer frames.
//
// Association is by IoU times score and solved exactly. It does not look at classes, as in the reference: an object that is taken for another class in
// some frames keeps its id.
//
// # Differences of the reference implementations
//
// testdata/bytetrack.py makes the golden sequences with supervision 0.27.0 (later releases have no tracker). This package gives the same tracks. supervision differs from
// ifzhang/ByteTrack, the authors' code, in two ways:
//   - Boxes are continuous there. The authors' IoU counts x2 - x1 + 1 pixels.
//   - A track that is found again in the frame in which it is removed is followed further. The authors' code removes it at once when it is lost again.
//
// This package differs from both where a score equals Config.High: there such a detection takes part in neither association, here in the second. Detections
// without area have no track.
//
// PyPI's bytetracker takes the centre of a box for its corner, and the package trackers has another filter (of the corners) and other thresholds.
//
// [Counter] has the semantics of supervision's LineZone and PolygonZone, see there for the differences.
package track
