"""How well proposed vessels meet the truth: CT painted on label maps of real livers, centerlines of both compared.

Nothing was chosen on these livers: the settings of the proposal come from phantoms and from livers of LiTS.
"""
