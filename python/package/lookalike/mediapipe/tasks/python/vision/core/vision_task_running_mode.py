"""What an embedder is used for."""

import enum


class VisionTaskRunningMode(enum.Enum):
    """Images by themselves, frames of a video, or frames of a camera."""

    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    LIVE_STREAM = "LIVE_STREAM"

    @property
    def ctype(self) -> int:
        """The number of the mode in MediaPipe's C interface."""
        return list(VisionTaskRunningMode).index(self) + 1


def validate_running_mode(
    running_mode: VisionTaskRunningMode, result_callback: object
) -> None:
    """Raise ValueError unless there is a callback in live stream mode, and none in the others."""
    if running_mode == VisionTaskRunningMode.LIVE_STREAM:
        if result_callback is None:
            raise ValueError(
                "The vision task is in live stream mode, a user-defined result callback must be provided."
            )
    elif result_callback:
        raise ValueError(
            "The vision task is in image or video mode, a user-defined result callback should not be provided."
        )
