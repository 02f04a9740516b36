"""The ground floor: labels, boxes, morphology, geometry and surfaces of arrays (z, y, x) and their images."""
