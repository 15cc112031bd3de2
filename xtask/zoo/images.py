"""Images for the models of the zoo."""

import numpy

SIZE = 224


def make(count, seed):
    """Images of noise that is coarse and fine at once, as photographs have it, in 0 to 255."""
    generator = numpy.random.default_rng(seed)
    image = numpy.zeros((count, SIZE, SIZE, 3))
    for cell in (112, 56, 28, 14, 4, 1):
        coarse = generator.normal(size=(count, SIZE // cell, SIZE // cell, 3))
        image += numpy.kron(coarse, numpy.ones((1, cell, cell, 1)))
    return numpy.clip(128 + 25 * image, 0, 255).astype(numpy.float32)
