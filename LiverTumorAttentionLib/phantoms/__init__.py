"""Generated two-phase abdominal CT with complete ground truth, for demonstrations, tests and training."""

from LiverTumorAttentionLib.phantoms.generator import generate_phantom
from LiverTumorAttentionLib.phantoms.phantom import Lesion, Phantom
from LiverTumorAttentionLib.phantoms.scene import STRUCTURES
from LiverTumorAttentionLib.phantoms.write import write_phantom

__all__ = ["STRUCTURES", "Lesion", "Phantom", "generate_phantom", "write_phantom"]
