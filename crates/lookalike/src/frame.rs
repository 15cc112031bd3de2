//! Pictures that own their pixels, so that they can go to another thread.

use lookalike_core::{ImageView, Orientation, PixelFormat, Plane, Result};

/// A picture with its pixels.
///
/// ```
/// use lookalike::Frame;
///
/// let frame = Frame::rgb(vec![0; 4 * 2 * 3], 4, 2)?;
/// assert_eq!(frame.view()?.width(), 4);
/// # Ok::<(), lookalike::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    format: PixelFormat,
    width: usize,
    height: usize,
    /// Bytes with the distance from one row to the next.
    planes: Vec<(Vec<u8>, usize)>,
    orientation: Orientation,
}

impl Frame {
    /// R, G, B bytes without padding between rows.
    ///
    /// # Errors
    ///
    /// Fewer bytes than pixels, or no pixels.
    pub fn rgb(data: Vec<u8>, width: usize, height: usize) -> Result<Self> {
        Self::from_planes(PixelFormat::Rgb, width, height, vec![(data, width.saturating_mul(3))])
    }

    /// A picture of any format: the bytes of each plane and its row stride, in the order the format names them.
    ///
    /// # Errors
    ///
    /// As [`ImageView::from_planes`].
    pub fn from_planes(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: Vec<(Vec<u8>, usize)>,
    ) -> Result<Self> {
        let frame = Self { format, width, height, planes, orientation: Orientation::TopLeft };
        frame.view()?;
        Ok(frame)
    }

    /// The picture with this orientation.
    #[must_use]
    pub fn with_orientation(mut self, orientation: Orientation) -> Self {
        self.orientation = orientation;
        self
    }

    /// The picture, borrowed.
    ///
    /// # Errors
    ///
    /// Never: the planes were checked when the frame was made.
    pub fn view(&self) -> Result<ImageView<'_>> {
        let planes: Vec<Plane<'_>> = self
            .planes
            .iter()
            .map(|(data, row_stride)| Plane { data, row_stride: *row_stride })
            .collect();
        let view = ImageView::from_planes(self.format, self.width, self.height, &planes)?;
        Ok(view.with_orientation(self.orientation))
    }
}

impl From<&ImageView<'_>> for Frame {
    /// Copies the pixels.
    fn from(view: &ImageView<'_>) -> Self {
        let planes = (0..3).map(|index| view.plane(index)).take_while(|plane| plane.row_stride > 0);
        Self {
            format: view.format(),
            width: view.width(),
            height: view.height(),
            planes: planes.map(|plane| (plane.data.to_vec(), plane.row_stride)).collect(),
            orientation: view.orientation(),
        }
    }
}
