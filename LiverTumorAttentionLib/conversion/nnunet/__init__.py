"""Models of nnU-Net, versions 1 and 2: result folders and the zips that its export commands write.

Source: the files that nnunet 1.7.1 and nnunetv2 2.8.1 write. No code of theirs is copied or needed.
"""
